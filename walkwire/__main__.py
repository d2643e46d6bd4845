"""`python -m walkwire`: the command line."""

from walkwire.cli import main

main()
