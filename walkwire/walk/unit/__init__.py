"""Unit: a walk as a unit of work: its commit, the locks it waits for, its deadline."""
