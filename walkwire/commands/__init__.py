"""Commands: what each command of the command line takes and prints. One file for each; `walkwire/cli.py` puts them together."""
