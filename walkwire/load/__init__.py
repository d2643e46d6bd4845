"""Load: implements `walkwire load`. It knows only the address of the server and the protocol of `docs/protocol.md`."""
