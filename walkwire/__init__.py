"""walkwire: programs that walk a persistent graph, served over REST and one WebSocket."""
