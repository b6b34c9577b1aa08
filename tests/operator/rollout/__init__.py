"""How a new revision takes over."""
