"""Recorded REST bodies are served as they came, and lead from one page to the next."""

import gzip
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd import venues
from ssmd.model.errors import ConfigError
from ssmd.model.rest import Catalog, Page, ReferenceQuery
from ssmd.model.simulated import SimulationOptions
from ssmd.sim import recorded, rest_ledger
from ssmd.sim.faults import parse
from ssmd.sim.manual_clock import ManualClock
from ssmd.sim.recorded import Body, Recorded, Recording
from ssmd.sim.simulation import Simulation
from tests.shared import shared
from tests.sim.market import MadeUpMarket
from tests.sim.test_rest import get

ODD = b'\xef\xbb\xbf{ "a" : 1.50e0,\r\n "a":[]}\n'
"""Bytes that no JSON writer would give back."""


def files(directory: Path, *bodies: bytes) -> list[str]:
    """Write bodies down; their names."""
    names = [directory / f"body-{at}.json" for at in range(len(bodies))]
    for name, body in zip(names, bodies, strict=True):
        name.write_bytes(body)
    return [str(name) for name in names]


def told(bodies: Recorded, path: str, **query: str) -> tuple[int, bytes]:
    """What a request of the main service is told."""
    answer = bodies.answer("main", path, list(query.items()))
    assert answer is not None
    return answer.status, answer.body


def test_a_body_is_told_byte_for_byte_whatever_is_asked_for(tmp_path: Path) -> None:
    """Only of its own service and path; everything else is the market's to answer."""
    (name,) = files(tmp_path, ODD)
    bodies = recorded.load([f"/markets={name}"])
    assert told(bodies, "/markets") == (200, ODD)
    assert told(bodies, "/markets", status="open", limit="7", cursor="") == (200, ODD)
    assert bodies.answer("other", "/markets", []) is None
    assert bodies.answer("main", "/markets/A", []) is None
    assert Recorded().answer("main", "/markets", []) is None


def test_a_packed_file_is_unpacked(tmp_path: Path) -> None:
    """What a venue sent is kept packed; what it sent is told."""
    (tmp_path / "body.json.gz").write_bytes(gzip.compress(ODD))
    bodies = recorded.load([f"gamma/x/y={tmp_path / 'body.json.gz'}"])
    answer = bodies.answer("gamma", "/x/y", [])
    assert answer is not None
    assert answer.body == ODD


def test_a_cursor_leads_from_body_to_body_and_to_an_end(tmp_path: Path) -> None:
    """The end has the shape of the last page: whoever reads pages can read it."""
    pages = [b'{"markets":[1,2],"cursor":"x"}', b'{"n":2,"cursor":"y","markets":[3],"more":[4]}']
    bodies = recorded.load([f"/markets={name}" for name in files(tmp_path, *pages)])
    assert told(bodies, "/markets") == (200, pages[0])
    assert told(bodies, "/markets", cursor="x", status="open") == (200, pages[1])
    status, end = told(bodies, "/markets", cursor="y")
    assert (status, json.loads(end)) == (200, {"n": 2, "cursor": "", "markets": [], "more": []})
    status, body = told(bodies, "/markets", cursor="z")
    assert (status, "'z'" in json.loads(body)["error"]) == (404, True)
    assert told(bodies, "/markets") == (200, pages[0]), "a second round gets the same"


def test_a_body_without_a_cursor_is_the_last(tmp_path: Path) -> None:
    """Nothing is made up where the recording has its own end."""
    pages = [b'{"data":[1],"next_cursor":"x"}', b'{"data":[2],"next_cursor":null}']
    bodies = recorded.load([f"/m={name}" for name in files(tmp_path, *pages)])
    assert told(bodies, "/m", next_cursor="x") == (200, pages[1])


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    offset=st.integers(0, 25),
    limit=st.integers(1, 9),
)
def test_an_offset_counts_the_entries_of_lists(sizes: list[int], offset: int, limit: int) -> None:
    """A page that begins there comes as it was recorded; else its entries, cut out of it."""
    entries = [f'{{ "id":{at}.0 }}' for at in range(sum(sizes))]
    starts = [sum(sizes[:at]) for at in range(len(sizes))]
    pages = [
        f"[ {' , '.join(entries[start : start + size])} ]".encode()
        for start, size in zip(starts, sizes, strict=True)
    ]
    bodies = [Body(f"page {at}", page) for at, page in enumerate(pages)]
    recording = Recording("main", "/events", {}, bodies)
    answer = recording.answer([("limit", str(limit)), ("offset", str(offset))])
    assert answer.status == 200
    if offset in starts:
        assert answer.body == pages[starts.index(offset)]
    else:
        assert answer.body.decode() == f"[{','.join(entries[offset : offset + limit])}]"


def test_what_was_never_recorded_is_not_found(tmp_path: Path) -> None:
    """An offset into what is no list has no honest answer."""
    (name,) = files(tmp_path, b'{"data":[1,2]}')
    status, body = told(recorded.load([f"/m={name}"]), "/m", offset="1")
    assert (status, name in json.loads(body)["error"]) == (404, True)


def test_parameters_tell_recordings_of_one_path_apart(tmp_path: Path) -> None:
    """The one that asks for most counts; the one that asks for nothing is for the rest."""
    every, closed, both = files(tmp_path, b"1", b"2", b"3")
    bodies = recorded.load(
        [f"/m={every}", f"/m?status=closed={closed}", f"/m?status=closed&series=A={both}"]
    )
    assert told(bodies, "/m", status="open")[1] == b"1"
    assert told(bodies, "/m", limit="5", status="closed")[1] == b"2"
    assert told(bodies, "/m", series="A", status="closed")[1] == b"3"


@pytest.mark.parametrize("broken", ["absent.json", "folder", "torn.json.gz", "plain.json.gz"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, broken: str) -> None:
    """Whatever is wrong with it."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "torn.json.gz").write_bytes(gzip.compress(b"x" * 999)[:-9])
    (tmp_path / "plain.json.gz").write_bytes(b"{}")
    with pytest.raises(ConfigError, match=broken):
        recorded.load([f"/m={tmp_path / broken}"])


@pytest.mark.parametrize("spec", ["", "/m", "=f", "m=f", "/m=", "/m?a"])
def test_a_spec_that_is_none_is_refused(spec: str) -> None:
    """It must not silently serve nothing."""
    with pytest.raises(ConfigError, match="not understood"):
        recorded.load([spec])


def test_a_page_that_nothing_leads_to_is_refused(tmp_path: Path) -> None:
    """It would never be served, and nobody would know."""
    names = files(tmp_path, b'{"result":{}}', b'{"result":{"A":1}}')
    with pytest.raises(ConfigError, match="body-0"):
        recorded.load([f"/m={name}" for name in names])


async def drive(base: str, catalog: Catalog) -> list[Page]:
    """Answer a venue's generator over HTTP."""
    pages: list[Page] = []
    step = next(catalog, None)
    while step is not None:
        body = b""
        if isinstance(step, Page):
            pages.append(step)
        else:
            query = "&".join(f"{name}={value}" for name, value in step.query)
            status, body, _ = await get(f"{base}/{step.service}{step.path}?{query}")
            assert status == 200, (step, body)
        try:
            step = catalog.send(body)
        except StopIteration:
            step = None
    return pages


async def test_it_is_served_before_the_market_and_after_faults(tmp_path: Path) -> None:
    """And stands in the ledger like any other answer."""
    (name,) = files(tmp_path, ODD)
    market = MadeUpMarket()
    server = Simulation(
        market, clock=ManualClock(), directory=tmp_path, recorded=recorded.load([f"/m={name}"])
    )
    await server.start()
    try:
        assert (await get(f"{server.rest}/main/m?x=1"))[:2] == (200, ODD)
        assert (await get(f"{server.rest}/main/n"))[:2] == (200, b'["A","B"]')
        assert market.asked == [("main", "/n", [])]
        server.inject(parse("http"))
        server.tick()
        assert (await get(f"{server.rest}/main/m"))[0] == 503
    finally:
        await server.stop()
    answers = rest_ledger.read(tmp_path).answers
    assert [(each.path, each.status) for each in answers] == [("/m", 200), ("/n", 200), ("/m", 503)]


def venue_server(directory: Path, venue: str, specs: Sequence[str]) -> Simulation:
    """A simulated venue that answers some paths from a recording."""
    simulated = venues.load(venue).simulated
    assert simulated is not None
    market = simulated(SimulationOptions())
    bodies = recorded.load(specs)
    return Simulation(market, clock=ManualClock(), directory=directory, recorded=bodies)


async def served(directory: Path, venue: str, specs: Sequence[str]) -> list[Page]:
    """What a venue's reader finds at a simulated venue with recorded bodies."""
    server = venue_server(directory, venue, specs)
    await server.start()
    try:
        return await drive(server.rest, venues.load(venue).rest.reference(ReferenceQuery()))
    finally:
        await server.stop()


async def test_the_recorded_pairs_are_served_and_read(tmp_path: Path) -> None:
    """All 1,434, each once, although the venue is asked twice: a class of assets each time."""
    path = shared("data/kraken/rest/AssetPairs-20260112.json.gz")
    pages = await served(tmp_path, "kraken", [f"/0/public/AssetPairs={path}"])
    entries = json.loads(gzip.decompress(path.read_bytes()))["result"].values()
    found = [each for page in pages for each in page.instruments]
    assert Counter(each.raw_status for each in found) == Counter(it["status"] for it in entries)
    assert len({each.symbol for each in found}) == len(found) == 1434
    assert [reject for page in pages for reject in page.rejects] == []


async def test_the_recorded_futures_are_served_and_read(tmp_path: Path) -> None:
    """Two paths, one of them recorded with the lines of a tool above it."""
    folder = shared("data/kraken_futures/rest")
    (tickers,) = files(tmp_path, bare(folder / "GetTickers.txt"))
    specs = [f"/instruments={folder / 'instruments-5of-20260925.json'}", f"/tickers={tickers}"]
    (page,) = await served(tmp_path, "kraken-futures", specs)
    assert len(page.instruments) == 5
    assert [each.symbol for each in page.funding] == ["PI_XBTUSD"]


def bare(path: Path) -> bytes:
    body = path.read_bytes()
    return body[body.index(b"{") :]


async def test_a_recorded_page_that_leads_on_comes_to_an_end(tmp_path: Path) -> None:
    """One page of very many: its cursor leads to nothing more, and the reader is content."""
    path = shared("data/kalshi/rest/markets-page-20260213.json")
    page = json.loads(path.read_bytes())
    assert page["cursor"]
    pages = await served(tmp_path, "kalshi", [f"/markets={path}"])
    known = {each.symbol for found in pages for each in found.instruments}
    known |= {each.symbol or "" for found in pages for each in found.rejects}
    assert known >= {market["ticker"] for market in page["markets"]}


async def test_recorded_events_are_read_by_offset(tmp_path: Path) -> None:
    """A reader whose pages overlap asks from the middle of a page, and beyond its end."""
    path = shared("data/polymarket/rest/pm_gamma_response.json")
    pages = await served(tmp_path, "polymarket", [f"/events={path}"])
    markets = [market for event in json.loads(path.read_bytes()) for market in event["markets"]]
    tokens = {token for market in markets for token in json.loads(market["clobTokenIds"])}
    assert {each.symbol for found in pages for each in found.instruments} == tokens
    answers = [each for each in rest_ledger.read(tmp_path).answers if each.path == "/events"]
    assert len(answers) > 1
