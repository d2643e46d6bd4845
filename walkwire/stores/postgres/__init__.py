"""PostgreSQL: the store for many servers, many of which write at once. While a commit runs, what it read and writes is locked.

- `store`: the contract; `view` and `statements`: the reads.
- `commit`: one commit; `locks`: what it locks; `functions`: what it does inside the database; `outcome`: whether it was made.
- `shared_locks`: the locks of retried walks; `record_locks`: the order of notifications.
- `driver/`: connections and prepared statements.
"""
