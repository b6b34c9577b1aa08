"""A person's own feeds and environments, by name."""

from pathlib import Path

import pytest
import yaml

from ssmd.feeds import environments, folder, registry
from ssmd.feeds.folder import ConfigFolder, config_folder
from ssmd.model.errors import ConfigError
from tests.feeds.made import written


def own_feed(place: ConfigFolder, name: str, origin: str = "kraken") -> Path:
    """A copy of a shipped feed under a name."""
    text = registry.path_of(origin).read_text(encoding="utf-8")
    return written(
        place.feeds / f"{name}.yaml", text.replace(f"name: {origin}", f"name: {name}", 1)
    )


def own_environment(place: ConfigFolder, name: str, **changes: object) -> Path:
    """An environment in a file."""
    return written(place.environments / f"{name}.yaml", yaml.safe_dump({"name": name, **changes}))


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"SSMD_CONFIG": "/c", "XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/c"),
        ({"SSMD_CONFIG": " ", "XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/x/ssmd"),
        ({"HOME": "/h"}, "/h/.config/ssmd"),
    ],
)
def test_where_the_folder_is(environ: dict[str, str], expected: str) -> None:
    """As the variables say, the most particular first."""
    assert config_folder(environ).root == Path(expected)


def test_without_a_home_nothing_is_found_and_nothing_written() -> None:
    """A pod has none: names are those shipped."""
    nowhere = config_folder({})
    assert registry.names([nowhere.feeds]) == registry.names()
    assert environments.names(nowhere) == {}
    assert nowhere.chosen() is None
    with pytest.raises(ConfigError, match="cannot be written") as caught:
        nowhere.choose("prod")
    assert "SSMD_CONFIG" in caught.value.remedy


def test_a_feed_of_ones_own_wins_over_a_shipped_one(tmp_path: Path) -> None:
    """And the registry says so."""
    place = ConfigFolder(tmp_path)
    path = own_feed(place, "kraken")
    own_feed(place, "mine")
    found = {file.name: file for file in registry.files([place.feeds])}
    assert registry.path_of("kraken", [place.feeds]) == path
    assert (found["kraken"].shipped, found["kraken"].hides) == (False, True)
    assert (found["mine"].shipped, found["mine"].hides) == (False, False)
    assert (found["kalshi"].shipped, found["kalshi"].hides) == (True, False)
    assert registry.path_of("kraken") != path


def test_an_environment_is_found_by_name_and_by_path(tmp_path: Path) -> None:
    """`--env` takes both; a name that nobody has is answered with the nearest."""
    place = ConfigFolder(tmp_path)
    path = own_environment(place, "prod", storage={"path": "/data"})
    assert environments.load_environment("prod", place).storage.path == "/data"
    assert environments.load_environment(path, place).name == "prod"
    assert environments.path_of("prod", place) == path
    with pytest.raises(ConfigError, match="no environment 'prd'") as caught:
        environments.load_environment("prd", place)
    assert 'Did you mean "prod"' in caught.value.message
    assert "Use one of: prod" in caught.value.remedy
    with pytest.raises(ConfigError) as caught:
        environments.load_environment("prd", ConfigFolder(tmp_path / "empty"))
    assert "ssmd env add NAME" in caught.value.remedy
    with pytest.raises(ConfigError, match="cannot be read"):
        environments.load_environment(tmp_path / "absent.yaml", place)


def test_one_environment_has_one_name(tmp_path: Path) -> None:
    """Two names for one would make two sets of streams."""
    place = ConfigFolder(tmp_path)
    own_environment(place, "prod").rename(place.environments / "test.yaml")
    with pytest.raises(ConfigError, match="`name` is 'prod', but it is found as 'test'"):
        environments.load_environment("test", place)
    with pytest.raises(ConfigError, match="`name` is 'prod', but it is found as 'other'"):
        environments.parse_environment("name: prod", where="env-other", name="other")
    assert environments.parse_environment("name: prod", where="env-prod", name="prod").feed is None


def test_a_feed_out_of_a_config_map_is_read_as_strictly_as_a_file() -> None:
    """By its name, with what its venue says to it."""
    text = registry.path_of("kraken").read_text(encoding="utf-8")
    assert registry.parse_feed(text, where="feed-kraken", name="kraken").venue == "kraken"
    with pytest.raises(ConfigError, match="feed-x: `name` is 'kraken', but it is found as 'x'"):
        registry.parse_feed(text, where="feed-x", name="x")
    with pytest.raises(ConfigError, match=r"feed-kraken: `universe\.channels`: the venue has no"):
        registry.parse_feed(
            text.replace("channels: [", "channels: [nothing, "), where="feed-kraken", name="kraken"
        )


def test_the_chosen_environment_is_kept_until_another_is(tmp_path: Path) -> None:
    """Whole or not at all; and that it went away is said."""
    place = ConfigFolder(tmp_path)
    own_environment(place, "prod")
    with pytest.raises(ConfigError, match="none is chosen") as caught:
        environments.load_chosen(place)
    assert "ssmd env use NAME" in caught.value.remedy
    place.choose("prod")
    assert environments.load_chosen(place).name == "prod"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["chosen.yaml", "envs"]
    (place.environments / "prod.yaml").unlink()
    with pytest.raises(ConfigError, match="'prod' is not there any more") as caught:
        environments.load_chosen(place)
    assert "--none" in caught.value.remedy
    for name in ("true", "1", "null", "1e3"):
        place.choose(name)
        assert place.chosen() == name
    place.choose(None)
    place.choose(None)
    assert place.chosen() is None
    written(tmp_path / "chosen.yaml", "enviroment: prod\n")
    with pytest.raises(ConfigError, match='Did you mean "environment"'):
        place.chosen()


def test_a_file_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there stays when the new one cannot be finished."""
    path = written(tmp_path / "x.yaml", "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ConfigError, match="No space left on device"):
        folder.write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
