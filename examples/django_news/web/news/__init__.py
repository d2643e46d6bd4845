"""A Django application: articles."""
