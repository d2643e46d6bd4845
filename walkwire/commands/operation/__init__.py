"""Operation: commands for those who run a server and its database."""
