"""Archetypes: what programs derive their classes from, and what walkwire keeps of each instance."""
