"""Sessions: version 2 of the wire, and clients that outlive their connections."""
