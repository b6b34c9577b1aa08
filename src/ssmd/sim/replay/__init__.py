"""A recorded range, served again as the venue's own WebSocket."""
