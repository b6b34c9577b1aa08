"""The operator against an API server: our fake one, or the real one that KUBECONFIG names."""
