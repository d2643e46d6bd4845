"""Load: the tool behind `walkwire load`. It knows a server only by its address, and the wire by `docs/protocol.md`."""
