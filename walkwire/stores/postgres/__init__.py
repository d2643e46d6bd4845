"""PostgreSQL: the store for many servers, of which many write at once. While a commit is made, what it read and writes is locked.

`store` keeps the contract; `commit` is one commit as a transaction; `locks` what it locks; `checks` what it asks and writes;
`crowd` the locks of walks that run again; `view` and `statements` what is read; `pool` the connections.
"""
