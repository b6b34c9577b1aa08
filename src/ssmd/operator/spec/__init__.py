"""What people may ask of the operator: the typed specs and statuses of our custom resources."""
