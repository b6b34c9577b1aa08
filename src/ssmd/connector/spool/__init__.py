"""The spool: an append-only write-ahead log between the sockets and the bus."""
