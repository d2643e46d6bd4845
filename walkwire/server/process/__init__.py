"""Process: the life of a server process and its workers: ports, signals, drain. The top of server/."""
