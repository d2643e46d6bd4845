"""SQL: what the stores of all SQL engines share: tables, migrations, and statements that run on any engine."""
