"""Change capture."""
