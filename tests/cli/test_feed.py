"""`ssmd feed`: feeds by name, one's own among them."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from ssmd.cli.feed import feed
from ssmd.feeds import registry
from ssmd.feeds.folder import ConfigFolder
from ssmd.model.errors import ConfigError
from tests.feeds.made import written
from tests.feeds.test_folder import own_feed


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ConfigFolder:
    """A person's own folder, empty."""
    monkeypatch.setenv("SSMD_CONFIG", str(tmp_path / "own"))
    return ConfigFolder(tmp_path / "own")


def run(*words: str) -> Result:
    """The command, in this process."""
    return CliRunner().invoke(feed, words)


def told(*words: str, code: int = 0) -> Any:  # noqa: ANN401 - what was printed
    """What it says to a program."""
    done = run(*words, "--json")
    assert done.exit_code == code, done.output
    return json.loads(done.stdout.splitlines()[-1])


def refusal(*words: str) -> str:
    """Why it does not."""
    done = run(*words)
    if isinstance(done.exception, ConfigError):
        assert done.exception.exit_code == 2
        return str(done.exception)
    assert done.exit_code == 2
    return done.stderr


def test_the_list_says_where_a_feed_is_from(place: ConfigFolder) -> None:
    """A feed of one's own stands before a shipped one, and one that is broken is listed."""
    assert {each["source"] for each in told("list")} == {"shipped"}
    path = own_feed(place, "kraken")
    written(place.feeds / "bad.yaml", "name: bad\nvenu: kraken\n")
    found = {each["name"]: each for each in told("list")}
    assert found.keys() == {*registry.names(), "bad"}
    assert found["kraken"]["file"] == str(path)
    assert found["kraken"]["hides"]
    assert "hides" not in found["kalshi"]
    assert 'Did you mean "venue"?' in found["bad"]["error"]
    shown = run("list").stdout
    assert "instead of the" in shown
    assert f"Configured in {place.feeds}: bad, kraken." in shown
    assert "broken" in shown


def test_a_feed_is_added_changed_and_found_by_its_name(place: ConfigFolder) -> None:
    """From a shipped one: other symbols, another address; every --feed knows it then."""
    address = "wss://stream.venue.net/v9"
    done = told(
        *("add", "mine", "--from", "kraken", "--symbol", "A/B", "--symbol", "C/D"),
        *("--symbol", "A/B", "--endpoint", address),
    )
    assert done == {"feed": "mine", "file": str(place.feeds / "mine.yaml"), "from": "kraken"}
    found = registry.load_feed("mine", [place.feeds])
    assert found.universe.symbols == ("A/B", "C/D")
    assert {version.endpoint for version in found.versions} == {address}
    assert found.venue == "kraken"
    text = (place.feeds / "mine.yaml").read_text()
    schema = text.splitlines()[0].rpartition("=")[2]
    assert (place.feeds / schema).resolve() == (place.schemas / "feed.schema.json").resolve()
    assert json.loads((place.feeds / schema).read_text())["title"] == "feed.yaml"
    assert told("validate", "mine")["feeds"][0]["endpoint"] == address


def test_a_feed_is_added_from_a_file(place: ConfigFolder, tmp_path: Path) -> None:
    """As it is; and what hides a shipped one is said."""
    file = own_feed(ConfigFolder(tmp_path), "elsewhere")
    assert (
        "used instead of the shipped feed 'kraken'"
        in run("add", "kraken", "--from", str(file)).stdout
    )
    found = told("diff", str(file), "kraken", code=1)
    assert [each["path"] for each in found["differences"]] == ["name", "display_name"]


def test_an_account_is_asked_for(place: ConfigFolder) -> None:
    """A feed by another name does not use the shipped feed's key."""
    shown = run("add", "mine", "--from", "kalshi").stdout
    assert "KALSHI_" in shown
    assert "a key 'mine'" in shown


def test_what_is_there_is_not_overwritten(place: ConfigFolder) -> None:
    """Unless somebody says so."""
    assert run("add", "mine", "--from", "kraken").exit_code == 0
    path = place.feeds / "mine.yaml"
    before = path.read_text()
    assert "exists already" in refusal("add", "mine", "--from", "kalshi")
    assert path.read_text() == before
    assert run("add", "mine", "--from", "kalshi", "--force").exit_code == 0
    assert "venue: kalshi" in path.read_text()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("add", "../x", "--from", "kraken"), "'../x' is no name"),
        (("add", "X", "--from", "kraken"), "'X' is no name"),
        (("add", "x" * 41, "--from", "kraken"), "is no name"),
        (("add", "x"), "Missing option '--from'"),
        (("add", "x", "--from", "krakn"), 'Did you mean "kraken"?'),
        (("add", "x", "--from", "kraken", "--endpoint", "http://a.b"), "begin it with wss://"),
        (("add", "x", "--from", "kraken", "--endpoint", "wss://u:p@a.b"), "holds credentials"),
        (("add", "x", "--from", "kraken", "--symbol", ""), "symbol"),
        (("validate",), "Missing argument"),
        (("validate", "kraken", "--date", "soon"), "soon"),
        (("diff", "kraken"), "Missing argument"),
        (("diff", "kraken", "krakn"), 'Did you mean "kraken"?'),
        (("show", "krakn"), 'Did you mean "kraken"?'),
        (("show", "kraken", "--category", "x"), "'kraken' is not divided"),
        (("schema", "fed"), "fed"),
        (("lst",), 'Did you mean "list"'),
    ],
)
def test_what_is_wrong_is_refused(
    place: ConfigFolder, words: tuple[str, ...], expected: str
) -> None:
    """With exit 2, in words, and without a trace."""
    assert expected in refusal(*words)
    assert not place.feeds.exists()


def test_all_that_are_named_are_validated(place: ConfigFolder, tmp_path: Path) -> None:
    """By name and file; what is wrong with one does not hide another."""
    bad = written(tmp_path / "bad.yaml", "name: bad\n")
    found = told("validate", "kraken", str(bad), "nobody", "kalshi", code=2)
    assert [each["ok"] for each in found["feeds"]] == [True, False, False, True]
    assert str(bad) in found["feeds"][1]["error"]
    done = run("validate", str(bad), "nobody")
    assert done.exit_code == 2
    assert done.stderr.count("Error: ") == 2
    assert "the feed 'kraken' is well: 20 symbols, 4 channels" in run("validate", "kraken").stdout


def test_the_version_of_a_day_is_told(tmp_path: Path) -> None:
    """Another day, another version; a day without one is a fault."""
    tree = yaml.safe_load(registry.path_of("kraken").read_text())
    first = tree["versions"][0]
    tree["versions"] = [
        {**first, "version": "v3", "effective_from": "2027-01-01"},
        {**first, "effective_to": "2026-12-30"},
    ]
    file = str(written(tmp_path / "feed.yaml", yaml.safe_dump(tree)))
    for day, version in (("2026-12-30", "v2"), ("2027-01-01", "v3")):
        (found,) = told("validate", file, "--date", day)["feeds"]
        assert found["version"] == version
        assert found["versions"] == [
            "v2 from 2024-01-01 to 2026-12-30",
            "v3 from 2027-01-01 to now",
        ]
        assert (
            f"on {day} its version {version} holds" in run("validate", file, "--date", day).stdout
        )
    assert "is effective on 2026-12-31" in refusal("validate", file, "--date", "2026-12-31")


def test_what_differs_is_told_field_by_field(place: ConfigFolder) -> None:
    """Exit 1 when something does, 0 when nothing does."""
    run("add", "mine", "--from", "kraken", "--symbol", "A/B")
    found = told("diff", "kraken", "mine", code=1)
    assert not found["equal"]
    assert [each["path"] for each in found["differences"]] == [
        "name",
        "display_name",
        "universe.symbols",
    ]
    shown = run("diff", "kraken", "mine")
    assert shown.exit_code == 1
    assert '  + ["A/B"]' in shown.stdout
    assert told("diff", "kraken", "kraken") == {
        "equal": True,
        "first": "kraken",
        "second": "kraken",
        "differences": [],
    }


def test_a_division_is_shown_as_a_feed(tmp_path: Path) -> None:
    """What a connector of it would record; and everything, defaults included."""
    tree = yaml.safe_load(registry.path_of("kalshi").read_text()) | {
        "categories": {"crypto": ["Crypto"], "rest": ["Politics"]}
    }
    file = str(written(tmp_path / "feed.yaml", yaml.safe_dump(tree)))
    assert "by crypto and rest, discovered" in run("validate", file).stdout
    shown = told("show", file, "--category", "rest")
    assert shown["category"] == "rest"
    assert shown["universe"]["discovery"]["filters"]["categories"] == ["Politics"]
    assert "status" not in told("show", file)
    assert told("show", file, "--defaults")["status"] == "active"
