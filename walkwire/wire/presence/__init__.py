"""Presence: which users are in a channel, on all servers, for those who asked. A channel that nobody watches is not tracked."""
