"""Moments of a simulated venue worth seeing."""

import structlog

from ssmd.runtime.logging import incident

_log = structlog.get_logger()


def listening(url: str, rest: str) -> None:
    """The venue is there."""
    _log.info("sim.listening", url=url, rest=rest)


def socket_opened(number: int, peer: str) -> None:
    """A client came."""
    _log.info("sim.socket_opened", socket=number, peer=peer)


def socket_closed(number: int, reason: str, emitted: int) -> None:
    """A client is gone; `emitted` messages stand in its ledger."""
    _log.info("sim.socket_closed", socket=number, reason=reason, emitted=emitted)


def fault_applied(spec: str, sockets: int) -> None:
    """A fault was applied to this many sockets."""
    _log.warning("sim.fault_applied", fault=spec, sockets=sockets)


def command_refused(line: str, reason: str) -> None:
    """A line of the control file was no fault."""
    _log.warning("sim.command_refused", line=line, reason=reason)


def upgrade_refused(status: int, by: str) -> None:
    """Who came was not let in, by a `fault` or by the `market`'s own judgement."""
    _log.info("sim.upgrade_refused", status=status, by=by)


def admission_failed(reason: str) -> None:
    """Judging who came raised: a bug; he is refused."""
    incident("sim.admission_failed", reason=reason)


def answered(service: str, status: int) -> None:
    """A REST request is answered."""
    _log.debug("sim.answered", service=service, status=status)


def rest_failed(path: str, reason: str) -> None:
    """Answering a REST request raised, or could not be written down: a bug, or a full disk."""
    incident("sim.rest_failed", path=path, reason=reason)


def ledger_failed(number: int, reason: str) -> None:
    """The ledger could not be written: the socket ends before anything unwritten is sent."""
    incident("sim.ledger_failed", socket=number, reason=reason)


def socket_failed(number: int, reason: str) -> None:
    """Our own answer to a client raised: a bug; the socket ends."""
    incident("sim.socket_failed", socket=number, reason=reason)
