"""What an archive tells of one feed's day: read here, judged by the checks of truth."""
