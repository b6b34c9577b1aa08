"""What `ssmd doctor` asks of the servers around: the bus, the database, Prometheus, the store."""

import os
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

from ssmd.archive.store.opening import open_store
from ssmd.archive.store.probe import NAME, probe
from ssmd.archive.store.record import targets
from ssmd.bus import survey as bus_survey
from ssmd.bus.embedded import find_program
from ssmd.bus.survey import StreamFound
from ssmd.cli.apart import apart
from ssmd.cli.configured import Plan
from ssmd.cli.database import embedded_folder
from ssmd.cli.doctor_check import Check, Look, State
from ssmd.cli.output import size
from ssmd.feeds import registry
from ssmd.model.errors import SsmdError
from ssmd.runtime.clock import Clock
from ssmd.runtime.secrets import Secrets, without_credentials
from ssmd.secmaster import survey as database_survey
from ssmd.secmaster.address import VARIABLE, Address, named, parse
from ssmd.secmaster.changes.settings import SLOT
from ssmd.secmaster.embedded import EmbeddedPostgres

_NATS: Final = "nats"
_POSTGRES: Final = "postgresql"
_FULL: Final = 0.8
"""A stream that holds more than this share of its bound is worth a warning."""
_BEHIND: Final = 10_000
"""So many messages not archived are more than a moment's worth."""
_HELD_BYTES: Final = 1 << 30
"""So much log kept for a slot that nobody reads is worth a warning."""


def looks(plan: Plan, clock: Clock, limit_s: float) -> list[Look]:
    """Everything there is to ask."""

    async def nats() -> Sequence[Check]:
        return await _bus(plan, clock, limit_s)

    async def database() -> Sequence[Check]:
        return await _database(plan, clock, limit_s)

    async def store() -> Sequence[Check]:
        return await apart(lambda: _stores(plan, limit_s))

    return [Look(_NATS, nats), Look(_POSTGRES, database), Look("store", store)]


async def _bus(plan: Plan, clock: Clock, limit_s: float) -> list[Check]:
    settings = plan.bus()
    if settings is None:
        program = find_program()
        seen = f"No `ssmd up` runs in {plan.root}: it starts its own bus, {program}."
        return [Check(name=_NATS, state="skipped", seen=seen)]
    environment = plan.environment
    wanted = {
        each.stream: each.subject_prefix
        for feed in plan.feeds
        for each in registry.streams_of(feed, environment)
    }
    found = await bus_survey.survey(
        settings,
        clock,
        wanted,
        timeout_s=limit_s * 0.8,
        allow_discard=environment.transport.allow_discard,
    )
    limit = "" if found.store_limit < 0 else f" of {size(found.store_limit)}"
    full = 0 <= found.store_limit * _FULL < found.store_bytes
    first = Check(
        name=_NATS,
        state="warn" if full else "ok",
        seen=f"{found.server} at {settings.address} answers in {found.asked_s * 1000:.1f} ms;"
        f" JetStream keeps {size(found.store_bytes)}{limit}.",
        remedy="Give the account more room, or archive faster." if full else "",
    )
    return [first, *(_stream(each, is_running=plan.is_running()) for each in found.streams)]


def _stream(found: StreamFound, *, is_running: bool) -> Check:
    """How a stream stands: it fits, it has room, and somebody archives it."""
    name = f"stream {found.stream}"
    if found.unfit is not None:
        absent = "does not exist" in found.unfit.message
        state: State = "warn" if absent and not is_running else "fail"
        return Check(name=name, state=state, seen=found.unfit.message, remedy=found.unfit.remedy)
    bound = "no bound" if found.max_bytes < 0 else f"a bound of {size(found.max_bytes)}"
    seen = f"{found.messages} messages, {size(found.bytes)}, {bound}"
    if not found.durables:
        seen += "; nobody archives it."
        remedy = "Start `ssmd archiver run`, or `ssmd up`; until then the stream only grows."
        return Check(name=name, state="fail" if is_running else "warn", seen=seen, remedy=remedy)
    behind = max(each.behind for each in found.durables)
    held = all(each.is_held for each in found.durables)
    seen += f"; {behind} not archived yet" + ("." if held else ", and no archiver is at work.")
    if found.max_bytes > 0 and found.bytes > _FULL * found.max_bytes:
        remedy = (
            "Raise `transport.max_bytes`, or shorten `keep_s`: a full stream holds spools back."
        )
        return Check(name=name, state="warn", seen=seen, remedy=remedy)
    if not held and is_running:
        remedy = "Look at the archiver's log, and start it again."
        return Check(name=name, state="fail", seen=seen, remedy=remedy)
    if behind > _BEHIND or (behind and not held):
        remedy = "Start the archiver, or look what slows it: `ssmd status` tells."
        return Check(name=name, state="warn", seen=seen, remedy=remedy)
    return Check(name=name, state="ok", seen=seen)


async def _database(plan: Plan, clock: Clock, limit_s: float) -> list[Check]:
    if not plan.keeps:
        seen = "No security master is kept: `secmaster: {enabled: false}`, or none was ever made."
        return [Check(name=_POSTGRES, state="skipped", seen=seen)]
    address = await apart(lambda: _address(plan, clock))
    if address is None:
        seen = f"No embedded database runs in {plan.root}: `ssmd up` starts it."
        return [Check(name=_POSTGRES, state="skipped", seen=seen)]
    Secrets({"password": unquote(urlsplit(address.url).password or "")})  # never to be printed
    found = await database_survey.survey(address, SLOT, timeout_s=limit_s * 0.8)
    return [_server(found), _migrations(found), _slot(found, is_running=plan.is_running())]


def _address(plan: Plan, clock: Clock) -> Address | None:
    """Where the database is; None when it is an embedded one that does not run.

    Raises:
        ConfigError: What names it is no address.
    """
    url = plan.environment.secmaster.database_url
    if url is not None:
        return parse(url, "`secmaster.database_url`")
    if os.environ.get(VARIABLE):
        return named(None, os.environ)
    server = EmbeddedPostgres(embedded_folder(plan.root), clock)
    return server.address if server.exists and server.serving() else None


def _server(found: database_survey.Found) -> Check:
    seen = f"PostgreSQL {found.major} at {found.address}"
    if found.major < database_survey.OLDEST:
        remedy = f"Use PostgreSQL {database_survey.OLDEST} or newer."
        return Check(name=_POSTGRES, state="fail", seen=f"{seen} is too old.", remedy=remedy)
    if found.wal_level != "logical":
        seen += f" has wal_level {found.wal_level}, which tells no changes."
        remedy = "Set wal_level = logical in its configuration, and restart it."
        return Check(name=_POSTGRES, state="fail", seen=seen, remedy=remedy)
    return Check(name=_POSTGRES, state="ok", seen=f"{seen} answers.")


def _migrations(found: database_survey.Found) -> Check:
    schema, name = found.schema, "migrations"
    if schema.is_empty:
        seen = "The database is empty; whoever uses it first makes the schema."
        return Check(name=name, state="ok", seen=seen)
    seen = f"The schema is at {schema.text}"
    remedy = "Run `ssmd secmaster migrate`; a schema newer than this SSMD needs a newer SSMD."
    if not schema.is_ready:
        wanted = f"; this version needs {', '.join(schema.missing) or 'an older one'}."
        return Check(name=name, state="fail", seen=seen + wanted, remedy=remedy)
    if schema.missing or schema.foreign:
        seen += f"; not made: {', '.join(schema.missing) or 'nothing'}."
        return Check(name=name, state="warn", seen=seen, remedy=remedy)
    return Check(name=name, state="ok", seen=f"{seen}, all there is.")


def _slot(found: database_survey.Found, *, is_running: bool) -> Check:
    slot, name = found.slot, "slot"
    if slot is None:
        state: State = "fail" if is_running else "warn"
        seen = f"There is no replication slot {SLOT}: nobody tells the changes of listings."
        remedy = "Start `ssmd up` or `ssmd cdc run`: it makes the slot."
        return Check(name=name, state=state, seen=seen, remedy=remedy)
    seen = f"{SLOT}: {slot.wal_status}, {size(slot.behind_bytes)} of log are kept for it"
    if slot.wal_status == "lost":
        remedy = "Start `ssmd cdc run`: it begins anew with a snapshot."
        return Check(name=name, state="fail", seen=f"{seen}.", remedy=remedy)
    if slot.active:
        return Check(name=name, state="ok", seen=f"{seen}; it is read.")
    quiet: State = "warn" if slot.behind_bytes > _HELD_BYTES else "ok"
    now: State = "fail" if is_running else quiet
    remedy = "Look at the log of `cdc`; while nobody reads, the database's disk fills."
    return Check(
        name=name, state=now, seen=f"{seen}; nobody reads it.", remedy=remedy * (now != "ok")
    )


def _stores(plan: Plan, limit_s: float) -> list[Check]:
    """Every store that files go to, or went to."""
    places = {each.url: each.options for each in targets(plan.root)}
    if plan.upload is not None:
        places[plan.upload.url] = plan.upload.options
    if not places:
        seen = "Nothing is uploaded: there is no `upload` in the configuration."
        return [Check(name="store", state="skipped", seen=seen)]
    found = []
    for url, options in places.items():
        name = f"store {without_credentials(url)}"
        try:
            found.append(_store(name, url, options, limit_s / 2))
        except FileNotFoundError as error:
            remedy = "Nothing, if it is to be made; else correct the address."
            found.append(Check(name=name, state="warn", seen=str(error), remedy=remedy))
        except SsmdError as error:
            found.append(Check(name=name, state="fail", seen=error.message, remedy=error.remedy))
        except OSError as error:
            remedy = "Look at our rights there, and at the disk."
            found.append(Check(name=name, state="fail", seen=f"{error}.", remedy=remedy))
    return found


def _store(name: str, url: str, options: dict[str, str], limit_s: float) -> Check:
    store = open_store(url, options, timeout_s=limit_s, retry_s=0)
    found = probe(store)
    seen = f"{found.folders} folders at its top; a small file was written and read back"
    if found.kept:
        remedy = f"Delete {NAME} there, or let us delete; retention and clean-up need it."
        seen += ", and could not be deleted."
        return Check(name=name, state="warn", seen=seen, remedy=remedy)
    return Check(name=name, state="ok", seen=f"{seen}, and deleted.")
