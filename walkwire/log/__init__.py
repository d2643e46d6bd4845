"""Log: how lines of the log look, what is masked in them, and how many there may be. Imports only the ground."""
