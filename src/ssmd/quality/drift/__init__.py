"""HOW MESSAGES ARE MADE, AND WHETHER THAT CHANGED: fingerprints of days, compared."""
