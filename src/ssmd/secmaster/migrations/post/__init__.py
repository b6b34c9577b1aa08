"""Revisions that are made after old code has gone: they may take away."""
