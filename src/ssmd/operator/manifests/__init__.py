"""From a spec to the objects that make it so: pure functions, whose output people can review."""
