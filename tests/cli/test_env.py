"""`ssmd env`: environments by name, and the one that is used when none is named."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from ssmd.cli.env import env
from ssmd.cli.env_options import chosen_name, named_environment
from ssmd.feeds import environments
from ssmd.feeds.folder import ConfigFolder
from ssmd.model.errors import ConfigError
from tests.feeds.made import written
from tests.feeds.test_folder import own_environment

SECRET = "hunter2-hunter2"  # pragma: allowlist secret


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ConfigFolder:
    """A person's own folder, empty."""
    monkeypatch.setenv("SSMD_CONFIG", str(tmp_path / "own"))
    monkeypatch.setenv("A_KEY", SECRET)
    monkeypatch.delenv("NO_KEY", raising=False)
    return ConfigFolder(tmp_path / "own")


def run(*words: str) -> Result:
    """The command, in this process."""
    return CliRunner().invoke(env, words)


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


def key(source: str, **changes: object) -> dict[str, object]:
    """A credential."""
    return {"type": "api_key", "fields": ["api_key"], "source": source, **changes}


def test_an_environment_is_added_chosen_and_used(place: ConfigFolder) -> None:
    """From then on it is what commands take that are told of no other."""
    assert chosen_name() == "local"
    assert "ssmd env add NAME" in run("list").stdout
    done = told("add", "prod", "--url", "nats://bus:4222", "--storage", "/data")
    assert done["file"] == str(place.environments / "prod.yaml")
    assert told("list")["chosen"] is None
    assert told("use", "prod") == {"chosen": "prod"}
    found = told("list")
    assert found["chosen"] == "prod"
    assert found["environments"][0]["url"] == "nats://bus:4222"
    assert found["environments"][0]["chosen"]
    assert chosen_name() == "prod"
    assert environments.load_chosen().storage.path == "/data"
    assert told("show") == told("show", "prod")
    assert told("validate")["environments"][0]["environment"] == "prod"
    assert told("use", "--none") == {"chosen": None}
    assert "none is chosen" in refusal("show")
    assert "none is chosen" in refusal("validate")


def test_an_environment_is_added_from_another(place: ConfigFolder) -> None:
    """With what it says, under another name; what differs is told."""
    own_environment(place, "prod", transport={"url": "nats://bus:4222", "window": 100})
    assert told("add", "test", "--from", "prod", "--storage", "/t")["environment"] == "test"
    found = told("diff", "prod", "test", code=1)
    assert [each["path"] for each in found["differences"]] == ["name", "storage.path"]
    assert told("diff", "prod", "prod")["equal"]
    text = (place.environments / "test.yaml").read_text()
    assert (place.environments / text.splitlines()[0].rpartition("=")[2]).is_file()


def test_no_secret_is_ever_shown(place: ConfigFolder) -> None:
    """Only where it is, and that it is there."""
    own_environment(place, "prod", keys={"venue": key("env:A_KEY")})
    for words in (
        ("show", "prod"),
        ("validate", "prod"),
        ("list",),
        ("show", "prod", "--defaults"),
    ):
        for more in ((), ("--json",)):
            done = run(*words, *more)
            assert done.exit_code == 0
            assert "venue" in done.stdout
            assert SECRET not in done.output
    assert "env:A_KEY" in run("show", "prod").stdout


def test_credentials_are_looked_for(place: ConfigFolder, tmp_path: Path) -> None:
    """One that is required and is not there is a fault; another is told of."""
    exposed = written(tmp_path / "key", SECRET)
    exposed.chmod(0o644)
    own_environment(
        place, "good", keys={"a": key("env:A_KEY"), "b": key("env:NO_KEY", required=False)}
    )
    own_environment(place, "bad", keys={"a": key("env:NO_KEY"), "b": key(f"file:{exposed}")})
    found = told("validate", "good", "bad", code=2)
    good, bad = found["environments"]
    assert (good["ok"], good["keys"], good["missing"]) == (True, ["a"], ["b"])
    assert not bad["ok"]
    assert len(bad["errors"]) == 2
    assert "NO_KEY is not set" in bad["errors"][0]
    assert str(exposed) in bad["errors"][1]
    shown = run("validate", "good", "bad")
    assert "credentials there: a; not there, and not required: b" in shown.stdout
    assert SECRET not in shown.output
    assert shown.stderr.count("Error: bad: ") == 2


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"feed": "krakn"}, "`feed`: There is no feed 'krakn'. Did you mean \"kraken\"?"),
        (
            {"keys": {"a": key("env:A_KEY"), "b": key("env:A_KEY")}},
            "Two keys of type 'api_key' give the field 'api_key'",
        ),
        (
            {"keys": {"a": key("env:A_KEY", type="transport", fields=["pasword"])}},
            'Did you mean "password"?',
        ),
        ({"transport": {"transport_type": "nats"}}, 'Did you mean "type"?'),
        ({"transport": {"type": "mqtt"}}, "`mqtt` is not supported yet"),
        ({"name": "other"}, "`name` is 'other', but it is found as 'prod'"),
        ({"secmaster": {"url": "postgresql://u@h/d"}}, 'Did you mean "database_url"?'),
    ],
)
def test_what_is_wrong_in_an_environment_is_told(
    place: ConfigFolder, changes: dict[str, Any], expected: str
) -> None:
    """With its place, and what was meant."""
    tree = {"name": "prod", **changes}
    written(place.environments / "prod.yaml", yaml.safe_dump(tree))
    assert expected in refusal("validate", "prod")
    if "keys" not in changes and "feed" not in changes:
        listed = told("list")["environments"][0]
        assert expected in listed["error"]
        assert expected in refusal("use", "prod")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("use",), "Name one environment, or say --none"),
        (("use", "prod", "--none"), "Name one environment, or say --none"),
        (("use", "prd"), 'Did you mean "prod"?'),
        (("use", "env.yaml"), "There is no environment 'env.yaml'"),
        (("show", "prd"), 'Did you mean "prod"?'),
        (("add", "prod"), "exists already"),
        (("add", "../x"), "is no name"),
        (("add", "x", "--url", "http://bus"), "--url: the bus address"),
        (("add", "x", "--url", "nats://u:p@bus"), "holds credentials"),
        (("add", "x", "--storage", ""), "storage.path"),
        (("add", "x", "--from", "prd"), 'Did you mean "prod"?'),
        (("diff", "prod", "prd"), 'Did you mean "prod"?'),
    ],
)
def test_what_is_wrong_is_refused(
    place: ConfigFolder, words: tuple[str, ...], expected: str
) -> None:
    """With exit 2, in words, and nothing is written."""
    path = own_environment(place, "prod")
    assert expected in refusal(*words)
    assert [each for each in place.root.rglob("*") if each.is_file()] == [path]


def test_a_name_that_nobody_configured_is_a_name_still(place: ConfigFolder) -> None:
    """Streams are named by it; one that is configured brings its bus with it."""
    own_environment(place, "prod", transport={"url": "nats://bus:4222"})
    assert named_environment("prod").transport.url == "nats://bus:4222"
    assert named_environment("local").transport.url is None
    with pytest.raises(ConfigError, match="name"):
        named_environment("Not A Name")
