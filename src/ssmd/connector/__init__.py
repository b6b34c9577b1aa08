"""SOCKETS AROUND SESSIONS, and the spool: what is received is kept before anything else happens."""
