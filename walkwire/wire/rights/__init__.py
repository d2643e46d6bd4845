"""Rights: which channels have rights of their own, and what a client must have to join and send in them."""
