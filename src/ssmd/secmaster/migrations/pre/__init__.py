"""Revisions that are made before new code runs: they only add."""
