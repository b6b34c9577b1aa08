"""SQL over the archive's tables, and nothing else."""

import re
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from ssmd.access import sql
from ssmd.access.archive import Archive
from ssmd.access.opening import open_archive
from ssmd.model.errors import ConfigError
from ssmd.model.timestamp import SECOND_NS
from tests.access.made import Made
from tests.access.world import Truth
from tests.archive.made import START


def test_rows_of_a_query_are_exact(archive: Archive, known: list[Made]) -> None:
    """Decimals stay decimals, through sums and products too."""
    query = """
        SELECT symbol, count(*) AS n, sum(size) AS volume, sum(price * size) AS notional
        FROM trades WHERE side = 'buy' GROUP BY symbol ORDER BY symbol
    """
    found = archive.sql(query).rows()
    for row in found:
        mine = [m for m in known if m.symbol == row["symbol"] and m.side == "buy"]
        assert row["n"] == len(mine)
        assert row["volume"] == sum((m.size for m in mine), Decimal(0))
        assert row["notional"] == sum((m.price * m.size for m in mine), Decimal(0))
    assert [row["symbol"] for row in found] == ["BTC/USD", "ETH/USD", "SOL/USD"][-len(found) :]


def test_times_are_nanoseconds_in_every_form(archive: Archive, known: list[Made]) -> None:
    """As numbers, as text, and as columns; all UTC."""
    query = f"SELECT ts_event FROM trades WHERE trade_id = '7' AND feed = '{archive.feeds()[0]}'"  # noqa: S608 - ours
    assert archive.sql(query).rows() == [{"ts_event": known[7].ts_event}]
    plain = archive.sql(query).plain()
    assert (plain.columns, plain.rows) == (
        ["ts_event"], [{"ts_event": "2027-01-15T08:00:06.995000000Z"}],
    )  # fmt: skip
    assert archive.sql(query).pl()["ts_event"].to_physical().to_list() == [known[7].ts_event]
    assert archive.sql(query).arrow().num_rows == 1


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("ts_recv >= '2027-01-15 08:02:00' AND ts_recv < '2027-01-15 08:03:00'", 60),
        ("ts_recv BETWEEN '2027-01-15T08:02:00Z' AND '2027-01-15T08:03:00Z'", 61),
        ("ts_recv > TIMESTAMP '2027-01-15 08:09:50' OR symbol = 'BTC/USD'", 206),
        ("date_trunc('minute', ts_recv) = '2027-01-15 08:01:00'", 60),
        ("instrument_id IN ('kraken:BTC/USD', 'kraken:ETH/USD')", 400),
        ("ts_recv >= (SELECT max(ts_recv) FROM trades)", 1),
        ("feed = 'nobody'", 0),
    ],
)
def test_a_condition_means_what_it_says(archive: Archive, where: str, count: int) -> None:
    """Whatever of it spares files, the answer is the same."""
    assert archive.sql(f"SELECT count(*) AS n FROM trades WHERE {where}").rows() == [{"n": count}]  # noqa: S608 - ours


def test_tables_of_a_feed_in_its_venues_words(played: tuple[Path, dict[str, list[Truth]]]) -> None:
    """`{feed}_{type}`, `-` written as `_`; joined with those of all venues."""
    archive = open_archive(played[0], warn=False)
    found = archive.sql("""
        SELECT count(*) AS n FROM kraken_futures_trade JOIN trades
        USING (feed, connection, ordinal, part, row)
    """).rows()
    trades = archive.sql("SELECT count(*) AS n FROM trades WHERE feed = 'kraken-futures'").rows()
    assert found == trades
    assert found[0]["n"]


def test_only_tables_that_are_named_are_opened(archive: Archive) -> None:
    """A query on trades reads no books; a name in a comment or a text is no table."""
    opened: list[str] = []
    schemas = archive.schema()

    def give(name: str, _bounds: object) -> object:
        opened.append(name)
        return getattr(archive, name)()

    text = "WITH quotes AS (SELECT 1 AS book) SELECT 'tickers' FROM trades t, quotes q -- funding"
    sql.query(text, schemas, give)  # type: ignore[arg-type] # a table by its name
    assert opened == ["trades"]


def test_a_query_reads_the_range_it_is_given(archive: Archive) -> None:
    """Arguments narrow all of its tables."""
    asked = archive.sql(
        "SELECT count(*) AS n FROM trades", instrument="BTC/USD", start=START + 300 * SECOND_NS
    )
    assert asked.rows() == [{"n": 100}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT * FROM trade", r"trade does not exist.*tables are: .*trades"),
        ("SELEC 1", "syntax error"),
        ("SELECT prize FROM trades", "prize"),
        ("SELECT 1; SELECT 2", "one SELECT"),
        ("", "one SELECT"),
        ("DROP TABLE trades", "one SELECT"),
        ("COPY trades TO 'x.csv'", "one SELECT"),
        ("INSTALL httpfs", "one SELECT"),
        ("ATTACH 'x.db'", "one SELECT"),
        ("SELECT 1 / 'x'", "x"),
    ],
)
def test_what_is_no_query_of_the_archive_is_refused(archive: Archive, text: str, said: str) -> None:
    """In DuckDB's words, with the tables there are."""
    with pytest.raises(ConfigError, match=said):
        archive.sql(text).rows()


@pytest.mark.parametrize(
    "source",
    ["read_csv('{}')", "read_text('{}')", "'{}'", "read_parquet('https://127.0.0.1:9/x.parquet')"],
)
def test_nothing_but_the_archive_is_read(archive: Archive, tmp_path: Path, source: str) -> None:
    """No other file, no address; no extension is looked for."""
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"(?i)permission|disabled|extension|does not exist"):
        archive.sql(f"SELECT * FROM {source.format(secret)}").rows()  # noqa: S608 - ours


def test_extensions_are_not_fetched() -> None:
    """DuckDB downloads nothing at run time: what it may not do is switched off before a query."""
    with sql._connection() as connection:
        settings = dict(
            connection.execute(
                "SELECT name, value FROM duckdb_settings() WHERE name LIKE 'auto%_known_extensions'"
            ).fetchall()
        )
        with pytest.raises(duckdb.Error, match=r"(?i)extension|httpfs|https"):
            connection.execute("SELECT * FROM read_csv('https://127.0.0.1:9/x.csv')")
    assert settings == {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }


def test_a_variable_of_the_caller_is_no_table(archive: Archive) -> None:
    """A frame that happens to be called like a word of the query is not looked at."""
    other = archive.trades().collect()
    with pytest.raises(ConfigError, match=re.escape("other does not exist")):
        archive.sql("SELECT * FROM other").rows()
    assert other.height
