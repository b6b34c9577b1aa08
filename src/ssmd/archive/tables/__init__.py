"""Tables: the typed rows of every sealed segment as Parquet, made slot by slot, and read back."""
