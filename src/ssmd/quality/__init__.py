"""HOW GOOD IT IS: what was recorded, judged by checks that show their evidence."""
