"""Delivery: who receives a message, and how it reaches each receiver. No policy, no JSON."""
