"""HTTP: everything that is served over REST. Never imports server/socket."""
