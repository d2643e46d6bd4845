"""Driver: connections to PostgreSQL, and statements on them. No table is known here."""
