"""How each kind of resource gets from what is to what is wanted."""
