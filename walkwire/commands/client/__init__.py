"""Client: commands that call a running server. They know it only by its address."""
