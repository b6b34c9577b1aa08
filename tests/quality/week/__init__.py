"""A simulated week of three feeds, with known defects and with traps: exactly these are found."""
