"""How rows leave: as pages of JSON, or as one long file."""
