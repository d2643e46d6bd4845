"""Translates Jac's syntax tree to Python's `ast`. There is one file for each kind of construct."""
