"""How the venue's truth values make a status: it has no word for the state of a product.

Reviewed one by one; the strongest comes first.
https://docs.kraken.com/api/docs/futures-api/trading/get-instruments
https://docs.kraken.com/api/docs/futures-api/trading/get-tickers
"""

from ssmd.model.fields import Fields
from ssmd.model.instrument import Status
from ssmd.model.venue import Clocked

CLOCKED = (
    # A dated future ends at `lastTradingTime`; the venue says nothing, and drops it afterwards.
    Clocked("active", "close_ts", "closed"),
    Clocked("paused", "close_ts", "closed"),
)
"""What nobody announces."""


def status(fields: Fields, ticker: Fields) -> tuple[Status, str]:
    """Our word, and the venue's values put into words.

    Args:
        fields: The entry of `/instruments`.
        ticker: The entry of `/tickers`; it is the fresher of the two.

    Raises:
        ValueError: One of them is no truth value.
    """
    # Its last day is over: it is listed for a while and never trades again.
    if fields.flag("isExpired"):
        return "closed", "expired"
    # Trading was stopped and may go on.
    if either("suspended", fields, ticker):
        return "paused", "suspended"
    # Nobody can trade it now: an index, or what is not opened yet. A missing value says nothing.
    if fields.flag("tradeable") is False:
        return "paused", "not tradeable"
    # Makers may come: it trades, but not for everyone (`restricted`).
    return "active", "post only" if either("postOnly", fields, ticker) else "tradeable"


def either(name: str, fields: Fields, ticker: Fields) -> bool:
    """Whether the listing or the ticker says so.

    Raises:
        ValueError: One of them says neither yes nor no.
    """
    return bool(fields.flag(name)) or bool(ticker.flag(name))
