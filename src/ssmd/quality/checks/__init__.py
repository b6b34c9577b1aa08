"""Checks: each says what it found, of facts it is given, and how that is known. Pure."""
