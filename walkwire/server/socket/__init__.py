"""Socket: from the port to a wire connection: handshake, framing, compression. Never imports server/http."""
