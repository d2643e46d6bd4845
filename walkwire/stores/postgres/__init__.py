"""PostgreSQL: the store for many servers, of which many write at once. While a commit is made, what it read and writes is locked.

`store` keeps the contract; `commit` is one commit, `locks` what it locks, `functions` what it does inside the database, `outcome`
whether it was made; `shared_locks` are the locks of walks that are retried; `view` and `statements` are what is read; `driver/`
has the connections.
"""
