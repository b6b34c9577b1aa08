"""Moments of a replay worth seeing."""

import structlog

from ssmd.runtime.logging import incident

_log = structlog.get_logger()


def listening(feed: str, url: str) -> None:
    """Clients can come."""
    _log.info("replay.listening", feed=feed, url=url)


def client_came(feed: str, number: int, peer: str) -> None:
    """A client came."""
    _log.info("replay.client_came", feed=feed, client=number, peer=peer)


def client_left(feed: str, number: int, reason: str, sent: int) -> None:
    """A client is gone; `sent` messages of the recording were for it."""
    _log.info("replay.client_left", feed=feed, client=number, reason=reason, sent=sent)


def led_in(feed: str, number: int, states: int, messages: int) -> None:
    """A client has what so many books begin with: the older messages they are built from."""
    _log.info("replay.led_in", feed=feed, client=number, states=states, messages=messages)


def begun(feeds: list[str], clients: int) -> None:
    """Enough clients are there: the recording begins."""
    _log.info("replay.begun", feeds=feeds, clients=clients)


def ended(reason: str, served: int) -> None:
    """The recording is over, or was ended."""
    _log.info("replay.ended", reason=reason, served=served)


def unlisted(feed: str, symbols: int) -> None:
    """So many recorded symbols cannot be subscribed one by one: they are no instruments."""
    _log.info("replay.unlisted", feed=feed, symbols=symbols)


def failed(feed: str, number: int, reason: str) -> None:
    """Our own answer to a client raised: a bug; the client is told goodbye."""
    incident("replay.failed", feed=feed, client=number, reason=reason)
