"""Scenarios: what is measured. A file a family; which server says what is in `bench/peer.py`."""
