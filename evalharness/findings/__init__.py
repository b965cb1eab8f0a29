"""Findings: what failed in a run, reproducibly, as others can take it up."""
