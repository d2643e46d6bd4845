"""SQLite: the store in one SQLite file. Imports stores/sql and its driver only."""
