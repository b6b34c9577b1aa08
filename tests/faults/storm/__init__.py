"""Storms over the real processes, and the pieces they are made of."""
