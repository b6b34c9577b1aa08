"""How good the security master is: what is known of it, and the verdict."""
