"""SQL: what the stores of every SQL engine share: tables, migrations, statements that need no engine of their own."""
