"""Load: the clients, in a process and on a core of their own. They know no server by name, only what to say to it."""
