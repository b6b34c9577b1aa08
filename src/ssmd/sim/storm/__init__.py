"""Storms: seeded schedules of faults over the real processes, and the judge of what came of them."""
