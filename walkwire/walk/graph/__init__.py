"""Graph: one walk's view of the graph: what it loaded, what it may do, what it changed. No thread, no lock."""
