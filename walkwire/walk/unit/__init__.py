"""Unit: what a unit of work needs: the locks that it waits for, its outbox, its deadline."""
