"""Trade by trade: what is archived of an instrument against what its venue's REST tells."""
