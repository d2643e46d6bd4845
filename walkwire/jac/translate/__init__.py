"""Translation: a tree of Jac made into Python's `ast`, a file for each thing that is translated."""
