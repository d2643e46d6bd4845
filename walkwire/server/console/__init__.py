"""Console: the page for operators at `/console`, and what it asks the server."""
