"""Bench: walkwire beside its peers, one interleaved run, each server alone on one core (`bench/README.md`)."""
