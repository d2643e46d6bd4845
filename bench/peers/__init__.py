"""Peers: small servers to be measured beside walkwire. Each is what its library's documentation shows, and no more."""
