"""How the operator gets into a cluster."""
