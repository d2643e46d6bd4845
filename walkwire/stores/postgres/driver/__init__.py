"""Driver: connections to PostgreSQL and prepared statements. Nothing here knows a table."""
