"""SQLite: the store in one SQLite file. Imports only stores/sql and the driver."""
