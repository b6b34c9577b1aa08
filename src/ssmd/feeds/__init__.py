"""FEED AND ENVIRONMENT: the one typed registry; everything that needs to know feeds reads it."""
