"""What the security master told of instruments' grids, as its archived changes would say it."""

import itertools
import json
from collections.abc import Iterator, Mapping

from ssmd.model.envelope import Envelope
from ssmd.model.timestamp import format_rfc3339
from ssmd.secmaster.columns import INSTRUMENT
from tests.archive.made import Talk

FEED = "secmaster"


def told(at: int, grids: Mapping[str, Mapping[str, object]]) -> list[Envelope]:
    """A snapshot of instruments with columns of theirs, told and valid since a time, ns.

    Args:
        at: When.
        grids: Columns by `venue:symbol`: `tick_size`, `price_ranges`.
    """
    talk = Talk(0, at, feed=FEED)
    made = [talk.opened()]
    for payload in _frames(f"{format_rfc3339(at)[:26]}Z", grids):
        ordinal, talk.ordinal = talk.ordinal, talk.ordinal + 1
        made.append(talk.envelope("change", json.dumps(payload).encode(), ordinal=ordinal))
    return made


def _frames(when: str, grids: Mapping[str, Mapping[str, object]]) -> Iterator[dict[str, object]]:
    numbers = itertools.count()

    def frame(table: str, op: str, new: object, *, last: bool = False) -> dict[str, object]:
        return {
            "v": 1, "table": table, "op": op, "lsn": "0/10", "commit_lsn": "0/10",
            "commit_ts": when, "xid": None, "n": next(numbers), "last": last, "generation": 1,
            "system": "1", "key": {}, "old": None, "new": new,
        }  # fmt: skip

    yield frame("_snapshot", "begin", {"reason": "new", "tables": [INSTRUMENT.name]})
    for number, (name, columns) in enumerate(grids.items(), 1):
        venue, _, symbol = name.partition(":")
        row: dict[str, object] = dict.fromkeys(INSTRUMENT.types)
        row |= {"price_ranges": [], "aliases": {}, "details": {}, "payload": {}, "listed": True}
        row |= {"venue": venue, "symbol": symbol, "restricted": False, **columns}
        row |= {"id": number, "version_id": number, "change_id": 1}
        row |= {"valid_from": when, "valid_to": None, "known_from": when, "known_to": None}
        yield frame(f"{INSTRUMENT.name}_version", "snapshot", row)
    yield frame("_snapshot", "end", {"counts": {}}, last=True)
