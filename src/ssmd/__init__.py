"""SSMD records what exchanges say, proves that nothing was lost, and serves it back."""

__version__ = "0.1.0"
