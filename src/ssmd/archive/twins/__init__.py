"""Several captures of one feed as one: duplicates told apart, one primary elected. Pure.

Two connectors on one feed give two connections that say the same. The archive keeps both; nothing
is merged in it. What reads rows asks here which of them to take: facts with the venue's own id are
told apart by it, everything else is taken from one *primary* connection per instrument and time.
Nothing is ever merged by value: two equal trades may be two trades.
"""
