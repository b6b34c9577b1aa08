"""Every fault of the market's data and of its door is seen to happen, and stands in the books."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import structlog
from picows import WSHandshakeError, WSTransport

from ssmd.model.errors import ConfigError
from ssmd.model.simulated import Emission
from ssmd.sim import journal
from tests.sim.client import Client, connected
from tests.sim.market import TALK, MadeUpMarket, Played, playing, tick


async def heard(client: Client, played: Played) -> list[bytes]:
    """All messages so far: everything emitted has arrived, and nothing else."""
    emitted = played.emitted()
    await client.until(lambda: len(client.messages) >= len(emitted))
    assert [payload for _, payload in client.messages] == emitted
    return emitted


def payloads(*emissions: Emission) -> list[bytes]:
    return [emission.payload for emission in emissions]


async def test_withheld_data_are_no_part_of_the_ledger_and_are_counted(tmp_path: Path) -> None:
    """A test must know how many messages its client's counter has to miss."""
    async with playing(tmp_path) as played, connected(played.url) as client:
        played.fault("gap:symbol=A,count=2")
        played.say(tick("A", 1), tick("B", 2), TALK, tick("A", 3), tick("A", 4))
        assert await heard(client, played) == payloads(tick("B", 2), TALK, tick("A", 4))
        assert played.withheld() == [tick("A", n).payload.decode() for n in (1, 3)]
        assert played.noted()[0]["fault"] == "gap:at=0.0,symbol=A,count=2"
        assert [line["withheld"] for line in played.noted()[1:]] == [0, 0]


async def test_doubled_and_swapped_data_stand_in_the_ledger_as_they_were_sent(
    tmp_path: Path,
) -> None:
    """The oracle compares by number: what is sent twice has two."""
    async with playing(tmp_path) as played, connected(played.url) as client:
        played.fault("duplicate:count=1")
        played.fault("reorder:symbol=B")
        a, b, c, d = tick("A", 1), tick("B", 2), tick("A", 3), tick("B", 4)
        played.say(a, b)
        played.say(c, d)
        assert await heard(client, played) == payloads(a, a, c, d, b)
        assert played.withheld() == []


async def test_what_was_held_back_when_the_socket_ended_is_withheld(tmp_path: Path) -> None:
    """Otherwise nobody could say where it went."""
    async with playing(tmp_path) as played:
        async with connected(played.url):
            played.fault("reorder")
            played.say(tick("A", 1))
            played.fault("abort")
            while played.server.sockets:
                await played.pass_s(0.01)
        assert played.emitted() == []
        assert played.withheld() == [tick("A", 1).payload.decode()]


async def test_a_fault_of_data_befalls_one_socket_when_it_says_so(tmp_path: Path) -> None:
    """Two shards, and one of them has a gap."""
    async with playing(tmp_path) as played, connected(played.url), connected(played.url):
        while played.server.sockets < 2:
            await played.pass_s(0.01)
        played.fault("gap:socket=1")
        played.say(tick("A", 1))
        assert (played.emitted(0), played.emitted(1)) == (payloads(tick("A", 1)), [])


async def test_a_renamed_field_and_an_unknown_type(tmp_path: Path) -> None:
    """What a venue does to its protocol on a day of its choosing."""
    async with playing(tmp_path) as played, connected(played.url) as client:
        played.fault("drift:field=price,to=px,for=3")
        played.say(tick("A", 1))
        played.fault("novelty:count=2")
        await played.pass_s(3)
        played.say(tick("A", 2))
        novelty = played.market.novelty().payload
        assert await heard(client, played) == [
            tick("A", 1).payload.replace(b'"price"', b'"px"'), novelty, novelty,
            tick("A", 2).payload,
        ]  # fmt: skip


async def test_a_silent_socket_uses_up_no_fault(tmp_path: Path) -> None:
    """What is never said cannot be missing."""
    async with playing(tmp_path) as played, connected(played.url) as client:
        played.fault("gap")
        played.fault("stall:for=2")
        played.say(tick("A", 1))
        assert played.withheld() == []
        await played.pass_s(2)
        played.say(tick("A", 2), tick("A", 3))
        assert await heard(client, played) == payloads(tick("A", 3))


async def test_one_symbol_freezes_and_thaws(tmp_path: Path) -> None:
    """The others go on, so that no socket looks dead."""
    async with playing(tmp_path) as played, connected(played.url) as client:
        played.fault("freeze:symbol=A,for=60")
        played.say(tick("A", 1), tick("B", 2))
        await played.pass_s(61)
        played.say(tick("A", 3))
        assert await heard(client, played) == payloads(tick("B", 2), tick("A", 3))


async def test_an_answer_never_comes_and_later_ones_do(tmp_path: Path) -> None:
    """Waiting for an answer for ever is a connector's oldest disease."""
    async with playing(tmp_path) as played, connected(played.url) as client:
        played.fault("no_ack:for=5")
        client.say(b"1")
        await played.pass_s(5)
        client.say(b"2")
        while not played.emitted():
            await played.pass_s(0.01)
        await played.pass_s(1000)
        assert await heard(client, played) == [b"ok 2"]


async def test_instruments_are_listed_and_ended(tmp_path: Path) -> None:
    """Discovery must find the one and lose the other."""
    async with playing(tmp_path) as played:
        played.fault("listing:symbol=C")
        played.fault("delist:symbol=A")
        assert played.market.symbols == ("B", "C")


async def test_what_the_market_cannot_do_is_told(tmp_path: Path) -> None:
    """A fault that silently does not happen makes a test that proves nothing."""
    async with playing(tmp_path) as played:
        specs = ("checksum", "freeze:symbol=C", "gap:symbol=C", "delist:symbol=C")
        with structlog.testing.capture_logs() as logs:
            for spec in specs:
                played.fault(spec)
            played.fault("freeze:symbol=A,for=1")
            played.fault("delist:symbol=A")
            await played.pass_s(2)
        refused = [log["line"] for log in logs if log["event"] == "sim.command_refused"]
        assert [line.partition(":")[0] for line in refused[:4]] == [
            s.partition(":")[0] for s in specs
        ]
        assert refused[4:] == ["end of a fault"]


async def test_whoever_comes_is_refused_for_a_while(tmp_path: Path) -> None:
    """Whatever his credentials; he is in the books without them."""
    async with playing(tmp_path) as played:
        played.fault("unauthorized:status=401,for=10")
        for _ in range(2):
            with pytest.raises(WSHandshakeError) as caught:
                async with connected(played.url + "/ws?key=k", headers={"X-Password": "secret"}):
                    pass
            assert caught.value.response is not None
            assert caught.value.response.status == 401
        await played.pass_s(10)
        async with connected(played.url):
            pass
        lines = played.noted(journal.REFUSED)
        assert [(line["status"], line["by"], line["path"]) for line in lines] == [
            (401, "fault", "/ws")
        ] * 2
        assert "x-password" in str(lines[0]["headers"])
        assert b"secret" not in (tmp_path / journal.REFUSED).read_bytes()
        assert len(list(tmp_path.glob("socket-*"))) == 1


async def test_the_market_judges_who_comes(tmp_path: Path) -> None:
    """Header names reach it in lower case, however they were written."""
    async with playing(tmp_path, password="opensesame") as played:
        with pytest.raises(WSHandshakeError) as caught:
            async with connected(played.url, headers={"X-PASSWORD": "wrong"}):
                pass
        assert caught.value.response is not None
        assert caught.value.response.status == 403
        async with connected(played.url, headers={"X-PASSWORD": "opensesame"}):
            pass
        assert [line["by"] for line in played.noted(journal.REFUSED)] == ["market"]


async def test_a_client_that_does_not_read_is_dropped(tmp_path: Path) -> None:
    """What was unsent when it was dropped stands in the ledger: the client was owed it."""
    async with playing(tmp_path) as played, connected(played.url) as client:
        assert isinstance(client.transport, WSTransport)
        client.transport.underlying_transport.pause_reading()
        played.fault("slow_reader:bytes=100000")
        played.fault("garbage:kind=huge,size=30000000")
        played.server.tick()
        while played.server.sockets:
            await played.pass_s(0.01)
        assert sum(map(len, played.emitted())) == 30_000_000
        last = (tmp_path / "socket-0.jsonl").read_bytes().splitlines()[-1]
        assert b"slow_client" in last
        client.transport.underlying_transport.resume_reading()


async def test_an_instrument_is_given_another_state(tmp_path: Path) -> None:
    """By a market that can do it, if it lists it; another cannot, and says so."""

    class Moody(MadeUpMarket):
        def __init__(self) -> None:
            super().__init__()
            self.states: list[tuple[str, str]] = []

        def stand(self, symbol: str, status: str) -> None:
            if symbol not in self.symbols:
                message = f"{symbol!r} is not listed."
                raise ConfigError(message, remedy="Name another.")
            self.states.append((symbol, status))

    market = Moody()
    played = Played(market, tmp_path)
    played.fault("status:symbol=A,to=post only")
    with structlog.testing.capture_logs() as logs:
        played.fault("status:symbol=C,to=open")
        Played(MadeUpMarket(), tmp_path / "other").fault("status:symbol=A,to=open")
    assert market.states == [("A", "post only")]
    refused = [log["reason"] for log in logs if log["event"] == "sim.command_refused"]
    assert [reason.partition(".")[0] for reason in refused] == [
        "'C' is not listed",
        "The states of this simulated venue's instruments are its own affair",
    ]


async def test_an_instrument_is_listed_that_opens_later(tmp_path: Path) -> None:
    """By a market that can do it; another cannot, and says so."""

    class Patient(MadeUpMarket):
        def __init__(self) -> None:
            super().__init__()
            self.coming: list[tuple[str, float]] = []

        def list_unopened(self, symbols: Sequence[str], opens_s: float) -> None:
            self.coming += [(symbol, opens_s) for symbol in symbols]

    market = Patient()
    Played(market, tmp_path).fault("listing:symbol=C,opens=2.5")
    assert (market.coming, market.symbols) == ([("C", 2.5)], ("A", "B"))
    other = MadeUpMarket()
    with structlog.testing.capture_logs() as logs:
        Played(other, tmp_path / "other").fault("listing:symbol=C,opens=2.5")
    assert other.symbols == ("A", "B")
    assert "sim.command_refused" in {log["event"] for log in logs}
