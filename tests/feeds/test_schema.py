"""JSON Schemas: what an editor is told must be what the loader does."""

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from scripts import configuration_page, schemas

from ssmd.feeds import machine, registry
from ssmd.feeds.archiver import ArchiverConfig, Source
from ssmd.feeds.differences import full
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.schema import FILES, schema
from ssmd.model.errors import ConfigError
from ssmd.runtime import settings
from tests.feeds.made import feed_tree


@pytest.mark.parametrize("kind", FILES)
def test_every_field_is_described_and_every_object_closed(kind: str) -> None:
    """An editor shows the sentence of our docstring, and underlines an unknown key."""
    made = schema(kind)
    assert made["$ref"] == f"#/$defs/{FILES[kind].__name__}"
    for name, definition in made["$defs"].items():
        assert definition["description"], name
        assert definition["additionalProperties"] is False, name
        for field, said in definition["properties"].items():
            assert said["description"].endswith("."), f"{name}.{field}"


def test_bounds_and_choices_are_in_the_schema() -> None:
    """The same that the loader enforces."""
    definitions = schema("env")["$defs"]
    assert definitions["ConnectorSettings"]["properties"]["send_timeout_s"] == {
        "type": "number",
        "minimum": 0.1,
        "maximum": 60,
        "default": 10.0,
        "description": "Longest a send may take, in seconds.",
    }
    assert definitions["Transport"]["properties"]["type"]["enum"] == ["memory", "mqtt", "nats"]


def test_an_unknown_kind_is_refused() -> None:
    """With those there are."""
    with pytest.raises(ConfigError, match="feed, env, archiver, api, ssmd"):
        schema("values")


@pytest.mark.parametrize("kind", FILES)
def test_the_published_schemas_are_current(kind: str) -> None:
    """Editors read the file, not our code."""
    published = schemas.path(kind).read_text(encoding="utf-8")
    assert published == schemas.text(kind), "run: .venv/bin/python scripts/schemas.py"
    Draft202012Validator.check_schema(schema(kind))


def complaints(kind: str, tree: object) -> list[str]:
    """What somebody else's reading of a published schema says to a file."""
    plain = msgspec.json.decode(msgspec.json.encode(tree))
    found = Draft202012Validator(schema(kind)).iter_errors(plain)
    return sorted(f"{error.json_path}: {error.message}" for error in found)


@pytest.mark.parametrize("name", registry.names())
def test_every_shipped_feed_fits_the_schema(name: str) -> None:
    """By a validator that is not ours; as it stands in the file, and with its defaults."""
    text = registry.path_of(name).read_text(encoding="utf-8")
    assert complaints("feed", yaml.safe_load(text)) == []
    assert complaints("feed", full(registry.load_feed(name))) == []


def test_an_example_of_every_other_kind_fits() -> None:
    """`ssmd init` and `ssmd env add` write nothing that an editor underlines."""
    text = machine.example(registry.names(), accounts={"a": ["key"]})
    assert complaints("ssmd", yaml.safe_load(text)) == []
    assert complaints("env", full(EnvironmentConfig(name="prod"))) == []
    sources = (Source(stream="S", feed="a"),)
    assert complaints("archiver", full(ArchiverConfig(sources=sources))) == []


KEYS = st.sampled_from(
    ["name", "venue", "category", "status", "universe", "versions", "transport_type", "Name", "x"]
)
VALUES: st.SearchStrategy[object] = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just([]) | st.just({})
)


@given(KEYS, VALUES)
def test_what_the_schema_refuses_the_loader_refuses(key: str, value: object) -> None:
    """An editor underlines nothing that would be accepted: it may know less, never more."""
    tree = feed_tree(**{key: value})
    if complaints("feed", tree):
        with pytest.raises(ConfigError):
            settings.convert(tree, FeedConfig, where="feed.yaml")


def test_the_page_of_configuration_is_current() -> None:
    """It is made from the same types."""
    shown = configuration_page.PAGE.read_text(encoding="utf-8")
    told = "run: .venv/bin/python scripts/configuration_page.py"
    assert shown == configuration_page.page(), told
    for kind in FILES:
        for definition in schema(kind)["$defs"].values():
            assert {
                f"| `{key}` |" for key in definition["properties"] if f"| `{key}` |" not in shown
            } == set()
