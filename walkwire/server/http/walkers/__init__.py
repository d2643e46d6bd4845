"""Walkers: the routes of walkers, from a request to a walker's fields and back."""
