"""What the files of a feed's day prove: each check against real, small archives."""
