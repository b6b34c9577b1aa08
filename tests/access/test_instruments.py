"""What was listed is read from the archive as the database would have told it."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ssmd.access.archive import Archive
from ssmd.access.opening import open_archive
from ssmd.archive.settings import ArchiveSettings
from ssmd.archive.writer import Archive as Writing
from ssmd.model.envelope import Envelope
from ssmd.model.errors import ConfigError, Damaged
from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.columns import INSTRUMENT
from ssmd.secmaster.database import open_database
from ssmd.sim.manual_clock import ManualClock
from tests.archive.made import CREATED, START, Sent, Talk
from tests.secmaster.filled import fill
from tests.secmaster.server import Server, connect, finish, running
from tests.secmaster.stream import Session, Tap

FEED = "secmaster"


class Recorded:
    """An archive of what a database tells of its changes, still being written.

    Args:
        folder: Where.
        session: A writer's session.
    """

    def __init__(self, folder: Path, session: Session) -> None:
        self.folder = folder
        self.session = session
        self.tap = Tap(session)
        self._talk = Talk(feed=FEED)
        self._sequence = 0
        settings = ArchiveSettings(interval_s=60, grace_s=0.0)
        self._archive = Writing(
            folder, "PROD_SECMASTER", clock=ManualClock(START), settings=settings
        )
        self._archive.adopt(CREATED, 0)
        self._write([self._talk.opened()])

    def snapshot(self) -> list[bytes]:
        """What stands now, archived."""
        return self.frames(self.tap.snapshot(SystemClock().wall()))

    def changes(self) -> list[bytes]:
        """What changed since, archived."""
        return self.frames(self.tap.read())

    def frames(self, frames: list[bytes]) -> list[bytes]:
        """Archive frames."""
        made = []
        for frame in frames:
            ordinal, self._talk.ordinal = self._talk.ordinal, self._talk.ordinal + 1
            made.append(self._talk.envelope("change", frame, ordinal=ordinal))
        self._write(made)
        return frames

    def _write(self, envelopes: list[Envelope]) -> None:
        sent = []
        for envelope in envelopes:
            self._sequence += 1
            sent.append(Sent(self._sequence, envelope))
        self._archive.append(sent)
        self._archive.commit()

    def seal(self) -> None:
        """Seal everything, and let go."""
        self._archive.seal_all()

    def opened(self) -> Archive:
        """The archive, for a researcher."""
        return open_archive(self.folder, warn=False, clock=SystemClock())

    def stamps(self) -> list[datetime]:
        """When something became known."""
        query = "SELECT known_at FROM change_set ORDER BY known_at"
        return [at for (at,) in self.session.execute(query)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A PostgreSQL for these tests."""
    with running(tmp_path_factory.mktemp("postgres")) as made:
        yield made


@pytest.fixture
def recorded(server: Server, tmp_path: Path) -> Iterator[Recorded]:
    """A small security master, archived as a snapshot."""
    address = server.migrated()

    async def filled() -> None:
        async with open_database(address.url, tmp_path, SystemClock()) as database:
            await fill(database)

    finish(filled())
    with connect(address) as session:
        made = Recorded(tmp_path / "data", session)
        made.snapshot()
        yield made
        made.tap.close()
    server.drop(address)


def statuses(archive: Archive, **which: Any) -> dict[str, str]:  # noqa: ANN401 - arguments of a test
    """The status of each instrument of a venue."""
    rows = archive.instruments(venue="kraken", **which).collect()
    return dict(rows.select("symbol", "status").iter_rows())


def test_the_columns_are_the_databases(recorded: Recorded) -> None:
    """Nothing of an instrument is lost on the way, and numbers are exact."""
    frame = recorded.opened().instruments(as_of="now").collect()
    assert frame.height == 7
    assert [name for name in INSTRUMENT.columns if name not in frame.columns] == []
    row = frame.row(by_predicate=pl.col("instrument_id") == "kraken:BTC/USD", named=True)
    assert row["tick_size"] == Decimal("0.1")
    assert row["details"] == '{"cost_decimals": "5", "long_position_limit": null}'
    assert row["valid_to"] is None
    assert row["known_from"] in recorded.stamps()


def test_a_change_is_seen_when_it_was_so_and_when_it_was_known(recorded: Recorded) -> None:
    """The archive answers what the database answers, down to the last commit of an open segment."""
    session = recorded.session
    began = recorded.stamps()[-1]
    session.execute("UPDATE instrument SET status = 'paused' WHERE symbol = 'BTC/USD'")
    paused = recorded.stamps()[-1]
    session.execute(
        "UPDATE instrument SET status = 'void', told_from = %s WHERE symbol = 'ETH/EUR'", (began,)
    )
    corrected = recorded.stamps()[-1]
    recorded.changes()
    archive = recorded.opened()
    assert statuses(archive) == {"BTC/USD": "paused", "ETH/EUR": "void"}
    assert statuses(archive, as_of=began) == {"BTC/USD": "active", "ETH/EUR": "void"}
    assert statuses(archive, known_at=paused) == {"BTC/USD": "paused", "ETH/EUR": "paused"}
    assert statuses(archive, as_of=began, known_at=paused) == {
        "BTC/USD": "active",
        "ETH/EUR": "paused",
    }
    for as_of in (began, paused, corrected):
        for known_at in (began, paused, corrected):
            query = "SELECT symbol, status FROM instrument_as_of(%s, %s) WHERE venue = 'kraken'"
            right: dict[str, str] = dict(session.execute(query, (as_of, known_at)).fetchall())
            assert statuses(archive, as_of=as_of, known_at=known_at) == right
    recorded.seal()
    assert statuses(recorded.opened()) == {"BTC/USD": "paused", "ETH/EUR": "void"}


def test_what_is_not_listed_is_left_out(recorded: Recorded) -> None:
    """A soft deletion is a column, and a filter."""
    recorded.session.execute("UPDATE instrument SET listed = false WHERE symbol = 'ETH/EUR'")
    recorded.changes()
    archive = recorded.opened()
    assert set(statuses(archive)) == {"BTC/USD"}
    assert set(statuses(archive, unlisted=True)) == {"BTC/USD", "ETH/EUR"}


def test_instruments_are_chosen_by_name_and_venue(recorded: Recorded) -> None:
    """As everywhere, by the venue's own symbol or with the venue before it."""
    archive = recorded.opened()
    names = ["kraken:BTC/USD", "PF_XBTUSD"]
    found = archive.instruments(as_of="now", instrument=names).collect()["instrument_id"].to_list()
    assert found == ["kraken:BTC/USD", "kraken_futures:PF_XBTUSD"]
    both = (
        archive.instruments(venue=["kraken", "kalshi"]).collect()["venue"].unique().sort().to_list()
    )
    assert both == ["kalshi", "kraken"]


def test_knowledge_the_archive_does_not_hold_is_refused(recorded: Recorded) -> None:
    """It may lag: what it will learn of that time could change the answer."""
    archive = recorded.opened()
    later = datetime.fromisoformat("2100-01-01T00:00:00Z")
    with pytest.raises(ConfigError, match=r"archived changes end at 20.*not archived"):
        archive.instruments(known_at=later).collect()
    assert archive.instruments(as_of=later).collect().height == 7


def test_an_answer_for_a_time_stays(recorded: Recorded) -> None:
    """Look-ahead cannot be: nothing told later changes what was known."""
    then = recorded.stamps()[-1]
    before = recorded.opened().instruments(known_at=then).collect()
    recorded.session.execute("UPDATE instrument SET title = 'x', told_from = '2020-01-01'")
    recorded.session.execute("DELETE FROM instrument WHERE venue = 'kalshi'")
    recorded.changes()
    assert recorded.opened().instruments(known_at=then).collect().equals(before)
    recorded.snapshot()
    assert recorded.opened().instruments(known_at=then).collect().equals(before)


def test_an_archive_that_begins_without_a_snapshot_knows_nothing(
    server: Server, tmp_path: Path
) -> None:
    """Changes alone do not say what was there before."""
    address = server.migrated()
    with connect(address) as session:
        made = Recorded(tmp_path / "data", session)
        session.execute(
            "INSERT INTO alias (venue, scheme, value, symbol) VALUES ('v', 's', 'x', 'y')"
        )
        made.changes()
        with pytest.raises(ConfigError, match="whole snapshot"):
            made.opened().instruments(venue="v").collect()
        made.tap.close()
    server.drop(address)


def test_an_archive_without_the_feed_says_so(archive: Archive) -> None:
    """And who asks for what was heard is answered as ever."""
    with pytest.raises(ConfigError, match="No change of the security master"):
        archive.instruments(as_of="now")
    assert archive.instruments().collect().height > 0


def test_arguments_that_do_not_go_together_are_refused(recorded: Recorded) -> None:
    """A range is of what was heard."""
    with pytest.raises(ConfigError, match="Leave out `feed`"):
        recorded.opened().instruments(venue="kraken", start="-1h")
    with pytest.raises(ConfigError, match="is no time"):
        recorded.opened().instruments(as_of="yesterday")


def test_a_frame_that_cannot_be_read_is_damage(recorded: Recorded) -> None:
    """What is left out silently would be a wrong answer."""
    recorded.frames([b"{}"])
    with pytest.raises(Damaged, match="is no change of the security master"):
        recorded.opened().instruments(venue="kraken").collect()
