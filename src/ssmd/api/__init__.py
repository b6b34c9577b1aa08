"""HTTP: what was recorded, how well, what is listed, what comes in now; keys, a page, agents."""
