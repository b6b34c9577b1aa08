"""What `ssmd doctor` finds on this machine: clock, disks, rights, spools and services."""

import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ssmd.archive import layout
from ssmd.cli.apart import apart
from ssmd.cli.configured import Plan, lives
from ssmd.cli.doctor_check import Check, Look, State
from ssmd.cli.output import size
from ssmd.cli.pipeline import recorders_of, spool_folder
from ssmd.model.errors import Unavailable
from ssmd.model.records import ClockState
from ssmd.runtime import adjtimex
from ssmd.runtime.scrape import Stranger, complaints_of, scrape
from ssmd.runtime.service import RunFile

LATE_S: Final = 0.1
"""A clock that may be further off than this mixes up the order of what two machines received."""
WRONG_S: Final = 5.0
"""A clock that is further off than this signs requests that venues refuse."""
_CLOCK: Final = "clock"
_PERMISSIONS: Final = "permissions"
_OTHERS: Final = stat.S_IWOTH
_SYNC: Final = "Run an NTP daemon (chrony, systemd-timesyncd); in a container, on its host."


def looks(plan: Plan) -> list[Look]:
    """Everything there is to see here."""

    async def clock() -> Sequence[Check]:
        return [clock_check(await clock_state(plan))]

    async def disks() -> Sequence[Check]:
        return await apart(lambda: _disks(plan))

    async def permissions() -> Sequence[Check]:
        return await apart(lambda: [_permissions(plan)])

    async def spools() -> Sequence[Check]:
        return await apart(lambda: _spools(plan))

    found = [
        Look(_CLOCK, clock),
        Look("disk", disks),
        Look(_PERMISSIONS, permissions),
        Look("spool", spools),
    ]
    services = plan.run_files()
    if not services:
        return [*found, Look("services", _nobody)]
    return [*found, *(_service(plan, each) for each in services)]


async def clock_state(plan: Plan) -> ClockState:
    """How right the clock is: as the kernel knows, else as a running service has it from a venue."""
    known = await apart(adjtimex.read)
    if known is not None:
        return known
    for told in plan.run_files():
        try:
            samples = await scrape(told.health)
        except (Unavailable, ValueError):  # a stranger may have its port by now
            continue
        if samples.total("ssmd_clock_source", source="venue"):
            return ClockState(
                source="venue",
                offset_s=samples.total("ssmd_clock_offset_seconds"),
                error_s=samples.total("ssmd_clock_error_seconds"),
            )
    return ClockState(source="unknown")


def clock_check(state: ClockState) -> Check:
    """What that means."""
    if state.offset_s is None:
        seen = (
            "Nobody says how right the clock is: the kernel's is not kept, and no venue was asked."
        )
        return Check(name=_CLOCK, state="warn", seen=seen, remedy=_SYNC)
    off_s, error_s = abs(state.offset_s), state.error_s or 0.0
    seen = f"{off_s * 1000:.1f} ms off, by up to {error_s * 1000:.0f} ms more, says the {state.source}."
    if off_s > WRONG_S:
        return Check(name=_CLOCK, state="fail", seen=seen, remedy=_SYNC)
    # A venue states whole seconds: half of one is all that it can say, and no reason to worry.
    late = off_s > LATE_S + (error_s if state.source == "venue" else 0.0)
    return Check(
        name=_CLOCK, state="warn" if late else "ok", seen=seen, remedy=_SYNC if late else ""
    )


def _disks(plan: Plan) -> list[Check]:
    spool = plan.environment.spool
    found = []
    for what, folder in (("archive", plan.root), ("spool", layout.run_folder(plan.root) / "spool")):
        there = _nearest(folder)
        free = shutil.disk_usage(there).free
        seen = f"{size(free)} free under {there}; the recording stops below {size(spool.min_free_bytes)}."
        state: State = "ok"
        if free < spool.low_disk_bytes:
            state = "fail" if free < spool.min_free_bytes else "warn"
        remedy = "Make room, or move what is uploaded away (`upload.retention`)."
        found.append(
            Check(name=f"disk {what}", state=state, seen=seen, remedy=remedy * (state != "ok"))
        )
    return found


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    whole = folder.absolute()
    return next(each for each in (whole, *whole.parents) if each.is_dir())


def _permissions(plan: Plan) -> Check:
    """May we write where we must, and may nobody else."""
    folders = (plan.root, plan.run_dir, plan.run_dir / "spool", plan.run_dir / "config")
    there = [folder for folder in folders if folder.is_dir()]
    seen = [f"{folder} cannot be written by us" for folder in there if not os.access(folder, _USE)]
    open_to_all = [f"{f} can be written by everybody" for f in there if _is_open(f)]
    if not there:
        nearest = _nearest(plan.root)
        if os.access(nearest, _USE):
            told = f"{plan.root} is not there yet, and can be made in {nearest}."
            return Check(name=_PERMISSIONS, state="ok", seen=told)
        seen.append(f"{plan.root} cannot be made in {nearest}")
    if seen or open_to_all:
        remedy = "Run as who owns it, or `chown`; `chmod o-w` what everybody may write."
        told = f"{'; '.join([*seen, *open_to_all])}."
        return Check(name=_PERMISSIONS, state="fail" if seen else "warn", seen=told, remedy=remedy)
    told = f"{', '.join(map(str, there))}: ours to write, and nobody else's."
    return Check(name=_PERMISSIONS, state="ok", seen=told)


_USE: Final = os.R_OK | os.W_OK | os.X_OK


def _is_open(folder: Path) -> bool:
    mode = folder.stat().st_mode
    return bool(mode & _OTHERS) and not mode & stat.S_ISVTX


def _spools(plan: Plan) -> list[Check]:
    """What lies in spools that nobody works on: received, and perhaps not archived."""
    # A share of a feed, `FEED@1`, is configured where its feed is.
    names = {name for feed in plan.feeds for name in recorders_of(feed)}
    folder = spool_folder(plan.root, "x").parent
    left = (
        sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    )
    if not left:
        return [Check(name="spool", state="ok", seen="There is none: nothing waits.")]
    working = {
        Path(str(told.details.get("spool"))).name for told in plan.run_files() if lives(told.pid)
    }
    return [
        _spool(plan, name, known=name.partition("@")[0] in names, works=name in working)
        for name in left
    ]


def _spool(plan: Plan, feed: str, *, known: bool, works: bool) -> Check:
    name = f"spool {feed}"
    found = [path.stat() for path in spool_folder(plan.root, feed).glob("*.wal")]
    held = sum(each.st_size for each in found)
    bound = plan.environment.spool.max_bytes
    files = "1 file" if len(found) == 1 else f"{len(found)} files"
    seen = f"{files}, {size(held)} of at most {size(bound)}"
    if works:
        state: State = "warn" if held > bound // 2 else "ok"
        remedy = "The bus or the archiver is behind: see `ssmd status`."
        return Check(
            name=name,
            state=state,
            seen=f"{seen}; its connector works on them.",
            remedy=remedy * (state != "ok"),
        )
    if not held:
        return Check(name=name, state="ok", seen=f"{seen}.")
    remedy = "Start its connector again (`ssmd up`): it publishes what is not archived."
    if not known:
        seen += "; the feed is not configured any more"
        remedy = f"Record {feed} once more, so that what was received gets to the archive."
    return Check(
        name=name,
        state="warn",
        seen=f"{seen}; no connector works on them, and some may not be archived.",
        remedy=remedy,
    )


def _service(plan: Plan, told: RunFile) -> Look:
    """One that left a run file: it lives, it answers, and it is ready."""
    name = f"service {told.name}"
    log = plan.run_dir / "logs" / f"{told.name}.log"
    where = f" Its log: {log}." if log.exists() else ""

    async def look() -> Sequence[Check]:
        if not lives(told.pid):
            seen = f"Its process, {told.pid}, is gone, and left {told.name}.json behind.{where}"
            remedy = (
                f"Start it again, or delete {plan.run_dir / told.name}.json if it is not wanted."
            )
            return [Check(name=name, state="fail", seen=seen, remedy=remedy)]
        try:
            complaints = await complaints_of(told.health)
        except Stranger:
            remedy = f"Delete {plan.run_dir / told.name}.json, and start {told.name} again."
            seen = f"Somebody else answers at {told.health}: it speaks of no readiness.{where}"
            return [Check(name=name, state="fail", seen=seen, remedy=remedy)]
        except Unavailable as error:
            remedy = f"Look at its log; end process {told.pid} if it hangs, and start it again."
            return [Check(name=name, state="fail", seen=f"{error.message}{where}", remedy=remedy)]
        if complaints:
            remedy = "See `ssmd status`, and its log."
            return [Check(name=name, state="warn", seen=" ".join(complaints), remedy=remedy)]
        return [Check(name=name, state="ok", seen=f"Process {told.pid} answers, and is ready.")]

    return Look(name, look)


async def _nobody() -> Sequence[Check]:
    return [Check(name="services", state="skipped", seen="None runs here.")]
