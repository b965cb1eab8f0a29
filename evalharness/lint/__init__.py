"""Faults of data, found before they become figures: `evalharness lint`."""
