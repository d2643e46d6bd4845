"""Walker: what a walker is made of: its abilities, fields, specs, reports and the verbs of its code."""
