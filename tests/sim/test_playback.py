"""Playing a recording: the bytes as they were, at the time they were."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.errors import ConfigError, Damaged
from ssmd.model.frame import Now
from ssmd.model.simulated import SimulationOptions
from ssmd.sim.faults import Gap
from ssmd.sim.playback import SPACING_S, Playback, Recorded, load, timed
from ssmd.sim.tampering import Tampering
from ssmd.venues.kraken.simulated import simulated
from tests.shared import shared
from tests.sim.market import MadeUpMarket

SECOND = 1_000_000_000


def player_of(recorded: list[Recorded], speed: float = 1.0) -> Playback:
    return Playback(recorded, speed=speed, venue=simulated(SimulationOptions()))


def test_messages_come_at_their_recorded_pace() -> None:
    """What was a second apart is a second apart, or a tenth of it at ten times the speed."""
    recorded = timed([(5 * SECOND, b"a"), (6 * SECOND, b"b"), (8 * SECOND, b"c")])
    for speed in (1.0, 10.0):
        player = player_of(recorded, speed).connect()
        heard = [[e.payload for e in player.open(Now(0, 50.0))]]
        for seconds in (0.9, 1.01, 2.9, 3.01, 99.0):
            now = Now(0, 50.0 + seconds / speed)
            heard.append([e.payload for e in player.tick(now)])
        assert heard == [[b"a"], [], [b"b"], [], [b"c"], []]


def test_a_recording_without_times_is_spaced_evenly() -> None:
    """Also when only some times are missing."""
    assert [r.at_s for r in timed([(None, b"a"), (None, b"b")])] == [0.0, SPACING_S]
    mixed = timed([(None, b""), (7 * SECOND, b""), (None, b""), (8 * SECOND, b"")])
    assert [r.at_s for r in mixed] == [0.0, 0.0, SPACING_S, 1.0]


@given(st.lists(st.none() | st.integers(0, 2**62)))
def test_time_never_goes_back(times: list[int | None]) -> None:
    """Receive times of a merged recording may be out of order; its order is kept."""
    at = [r.at_s for r in timed([(ts, b"") for ts in times])]
    assert at == sorted(at)
    assert len(at) == len(times)


def test_every_client_hears_all_of_it_byte_for_byte(tmp_path: Path) -> None:
    """Whatever it subscribes, and whenever it comes."""
    raws = ['{"channel":"status"}', "not json", '{"a": 1.50}\n', "\u00e9"]
    lines = [json.dumps({"ts_recv": None, "raw": raw}) for raw in raws]
    plain, packed = tmp_path / "a.jsonl", tmp_path / "a.jsonl.gz"
    plain.write_text("\n".join(lines))
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, packed):
        playback = player_of(load(path))
        for start in (10.0, 20.0):
            player = playback.connect()
            heard = [*player.open(Now(0, start)), *player.tick(Now(0, start + 5))]
            assert [e.payload for e in heard] == [raw.encode() for raw in raws]


def test_a_recorded_capture_is_played_whole() -> None:
    """The real one, without times."""
    path = shared("data/kraken/capture-v2-book10-btc-eth-20260802.jsonl.gz")
    recorded = load(path)
    raws = [json.loads(x)["raw"] for x in gzip.decompress(path.read_bytes()).splitlines()]
    assert [r.emission.payload.decode() for r in recorded] == raws
    assert recorded[-1].at_s == pytest.approx(SPACING_S * (len(raws) - 1))


def test_requests_are_answered_without_data() -> None:
    """A client whose pings are not answered would leave."""
    player = player_of([]).connect()
    (pong,) = player.receive(b'{"method":"ping","req_id":3}', Now(0, 0.0))
    assert b'"pong"' in pong.payload
    asked = b'{"method":"subscribe","params":{"channel":"book","symbol":["NOT/LISTED"]}}'
    (ack,) = player.receive(asked, Now(0, 0.0))
    assert b'"success":true' in ack.payload


def test_a_paused_recording_stands_still_and_goes_on() -> None:
    """Nothing is skipped."""
    playback = player_of(timed([(0, b"a"), (SECOND, b"b")]))
    player = playback.connect()
    player.open(Now(0, 0.0))
    playback.speed(0)
    assert player.tick(Now(0, 50.0)) == []
    playback.speed(1)
    assert [e.payload for e in player.tick(Now(0, 51.0))] == [b"b"]


def test_what_a_recording_cannot_do_is_refused() -> None:
    """Rather than a fault that never shows."""
    playback = player_of([])
    with pytest.raises(ConfigError, match="checksum"):
        playback.corrupt(None)
    with pytest.raises(ConfigError, match="late"):
        playback.delay_answers(1)
    with pytest.raises(ConfigError, match="stand still"):
        playback.freeze("A", True)
    with pytest.raises(ConfigError, match="listed"):
        playback.list_symbols(["A"])
    with pytest.raises(ConfigError, match="end"):
        playback.delist(["A"])


def test_the_venue_answers_what_no_recording_can() -> None:
    """Who is let in, what REST says, and a type that nobody knew."""
    venue = MadeUpMarket(password="p")
    playback = Playback([], speed=1.0, venue=venue)
    now = Now(0, 0.0)
    assert [playback.admit({"x-password": word}, now) for word in ("p", "q")] == [101, 403]
    assert playback.rest("main", "/x", [("a", "b")], now) == venue.rest("main", "/x", [], now)
    assert venue.asked[0] == ("main", "/x", [("a", "b")])
    assert playback.novelty() == venue.novelty()


def test_a_recording_can_have_gaps() -> None:
    """Nobody looked into it, so every message of it counts as data."""
    (recorded,) = timed([(None, b"a")])
    tampering = Tampering()
    tampering.add(Gap(), 0.0)
    assert tampering.apply([recorded.emission], 0.0) == ([], [recorded.emission])


def test_a_file_that_is_no_capture_is_refused(tmp_path: Path) -> None:
    """With the line."""
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"ts_recv":1,"raw":"x"}\n{"ts_recv":1}\n')
    with pytest.raises(Damaged, match="line 2"):
        load(bad)
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none")
    bad.write_bytes(gzip.compress(b"x" * 1000)[:-10])
    with pytest.raises(Damaged):
        load(bad)
