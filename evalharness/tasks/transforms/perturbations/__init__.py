"""Perturbations: pure functions that disturb the wording of an item and not its answer."""
