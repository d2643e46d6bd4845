"""A module in Python, beside those in Jac."""

VALUE = 7
