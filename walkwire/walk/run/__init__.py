"""Run: how walks are run: threads, event loops, retries, tasks. Nothing here knows a class of a program."""
