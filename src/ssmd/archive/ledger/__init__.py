"""What we meant to capture, when we were able to, what is missing and why."""
