"""Types: descriptions of a program for other programs, made from its classes. Nothing of the program is run for them."""
