"""Archived files into an object store: proved there, and only then let go here."""
