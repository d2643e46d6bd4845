"""Dev: `walkwire dev`: serves a program again after each save, and says what happens in it. No other server imports this."""
