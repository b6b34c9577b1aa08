"""Who may ask the HTTP API what: keys, how they were used, what was done by whom, and what signs."""
