"""Figures of the code itself: how large the rooms are, how they hang together, and through how many files a call goes."""
