"""The API for agents: the Model Context Protocol over the same routes, with small answers."""
