"""Browser: what a browser sends by itself, or must be asked for: hosts, cookies, credentials of an upgrade."""
