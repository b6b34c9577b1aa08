"""Keys: who is let in, how often, and what is remembered of it."""
