"""The custom resources, as an API server takes them."""
