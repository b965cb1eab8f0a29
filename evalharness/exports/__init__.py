"""Runs and findings in other people's formats: one module a format, their names in `registry`."""
