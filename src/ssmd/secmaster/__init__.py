"""What is listed: the security master in PostgreSQL, its history, and how changes leave it."""
