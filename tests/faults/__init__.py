"""Machines that try to break the recorder, and the judges of what they did."""
