"""A type nobody knew, from the wire to the tables: kept, told, and repaired."""

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from ssmd import venues
from ssmd.access.opening import open_archive
from ssmd.archive.tables import redecode
from ssmd.archive.tables.rehearing import reheard
from ssmd.cli.root import root as ssmd
from ssmd.model.envelope import UNREAD, Envelope
from ssmd.model.event import Data, Event
from ssmd.model.frame import Frame
from ssmd.model.row import Decoded
from ssmd.model.session import Session
from ssmd.model.subscription import Shard
from ssmd.model.venue import SessionOptions, Venue
from ssmd.quality.drift.look import look
from ssmd.venues import kraken
from tests.archive.tables.made import FEED, Talk, compact, rows
from tests.archive.tables.made import built as built_slots
from tests.quality.days import DAY, LAST, clock, noon, record, trade, trades


def _renamed(payload: bytes) -> bytes:
    return payload.replace(b'"channel":"auction"', b'"channel":"trade"')


def knowing(venue: Venue) -> Venue:
    """The same venue as a later version reads it: an auction is a trade."""

    def session(shard: Shard, options: SessionOptions) -> Session:
        made = venue.session(shard, options)
        receive = made.receive

        def grown(frame: Frame) -> Sequence[Event]:
            told = receive(msgspec.structs.replace(frame, payload=_renamed(frame.payload)))
            if b'"auction"' not in frame.payload:
                return told
            return [
                msgspec.structs.replace(each, type="auction") if isinstance(each, Data) else each
                for each in told
            ]

        made.receive = grown  # type: ignore[method-assign]  # a later version of it
        return made

    def rows_of(envelope: Envelope) -> Decoded:
        if envelope.type != "auction":
            return venue.rows(envelope)
        payload = _renamed(envelope.payload)
        return venue.rows(msgspec.structs.replace(envelope, type="trade", payload=payload))

    return msgspec.structs.replace(venue, session=session, rows=rows_of)


def _capture(path: Path, kinds: list[str]) -> Path:
    """A recording of the last day: trades, and auctions."""
    lines = []
    for number, kind in enumerate(kinds):
        text = trade(number)[1].decode().replace('"channel":"trade"', f'"channel":"{kind}"')
        lines.append(json.dumps({"ts_recv": noon(LAST) + number * 1_000_000_000, "raw": text}))
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_an_unknown_type_is_kept_told_and_repaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From `_unread` in raw to rows in tables, without the venue being asked again."""
    archive = tmp_path / "data"
    record(archive, {LAST - DAY: trades()})
    capture = _capture(tmp_path / "capture.jsonl", ["trade"] * 20 + ["auction"] * 5)
    told = CliRunner().invoke(
        ssmd, ["import", str(capture), "--feed", FEED, "--dir", str(archive), "--json"]
    )
    assert json.loads(told.output.splitlines()[-1])["unread"] == 5
    compact(archive)
    before = sum(account.unread for slot in built_slots(archive) for account in slot.accounting)
    assert (before, len(rows(archive, "trades", "trade_id"))) == (5, 60)

    (found,) = look(archive, FEED, LAST.isoformat(), clock=clock(LAST + DAY)).findings
    assert (found.change, found.severity, found.after.count) == ("unread_frames", "error", 5)
    assert found.sample is not None
    assert found.sample.ordinal == 20
    assert '"channel":"auction"' in found.sample.text

    monkeypatch.setattr(kraken, "VENUE", knowing(kraken.VENUE))
    done = CliRunner().invoke(ssmd, ["redecode", str(archive), "--json"])
    result = json.loads(done.output.splitlines()[-1])
    assert (done.exit_code, result["failed"]) == (0, [])
    assert result["tables"]["trades"]["added"] == 5
    after = [account for slot in built_slots(archive) for account in slot.accounting]
    assert sum(account.unread for account in after) == 0
    assert all(account.told == account.lines for account in after)
    prices = rows(archive, "trades", "trade_id", "ts_recv")
    assert len(prices) == 65
    assert len(set(prices)) == 65
    assert redecode.redecode(archive, clock(LAST)).is_same


def test_what_is_not_built_yet_is_repaired_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers decode by the same code what the compactor has not come to."""
    archive = tmp_path / "data"
    capture = _capture(tmp_path / "capture.jsonl", ["trade", "auction", "trade"])
    CliRunner().invoke(ssmd, ["import", str(capture), "--feed", FEED, "--dir", str(archive)])

    def ids() -> list[str]:
        opened = open_archive(archive, warn=False, clock=clock(LAST))
        return opened.trades(instrument="BTC/USD").collect()["trade_id"].to_list()

    monkeypatch.setattr(kraken, "VENUE", knowing(kraken.VENUE))
    assert ids() == ["0", "1", "2"]
    compact(archive)
    assert ids() == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("feed", "payload", "kinds"),
    [
        ("kraken", b'{"channel":"heartbeat"}', []),
        ("kraken", b'{"channel":"auction","data":[]}', []),
        ("kraken", b"\xff", []),
        ("polymarket", b'[{"n":1},%b,{"n":2},%b]', ["tick_size_change"] * 2),
    ],
)
def test_only_data_is_heard_again(feed: str, payload: bytes, kinds: list[str]) -> None:
    """Talk, and what nobody reads today either, stays what it was: neighbours in a list as well."""
    change = (
        b'{"event_type":"tick_size_change","asset_id":"1","market":"0x1","old_tick_size":"0.01",'
        b'"new_tick_size":"0.001","timestamp":"1760000000000"}'
    )
    text = payload.replace(b"%b", change)
    envelope = Talk(0, noon(LAST), feed=feed).envelope(UNREAD, text, ordinal=7)
    found = list(reheard(envelope, venues.load(feed)))
    assert [each.type for each in found] == kinds
    assert all((each.ordinal, each.payload) == (7, change) for each in found)
