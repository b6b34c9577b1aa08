"""JSON Schemas: what an editor is told must be what the loader does."""

import pytest

from ssmd.feeds.schema import FILES, schema
from ssmd.model.errors import ConfigError


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
    with pytest.raises(ConfigError, match="feed, env, archiver, ssmd"):
        schema("values")
