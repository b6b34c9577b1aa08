"""Change capture: every committed change of the security master onto the bus, once and in order."""
