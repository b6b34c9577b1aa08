"""Where the facts of live services are from: Prometheus and the bus, asked and not changed."""
