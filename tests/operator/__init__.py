"""The operator, from what people ask for to what runs."""
