"""Channels: who may join, hear and send in channels: rules, the rights of the graph, and channel tokens."""
