"""What comes in now, to many readers at once: encoded once, bounded for each, resumed where it broke off."""
