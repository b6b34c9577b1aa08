"""What watches the services and the ledger, so that the status page is answered at once."""
