"""THE MACHINE: clock, settings, secrets, logs, metrics, health, children, and how a service runs."""
