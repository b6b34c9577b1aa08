"""How a feed's components are deployed, and what is known of its messages: what cannot be meant is refused."""

from typing import Any

import pytest

from ssmd.feeds.feed import FeedConfig
from ssmd.model.errors import ConfigError
from ssmd.runtime import settings
from tests.feeds.made import feed, feed_tree


def refusal(**changes: object) -> str:
    """Why a feed is not accepted."""
    with pytest.raises(ConfigError) as caught:
        feed(**changes)
    return str(caught.value)


@pytest.mark.parametrize(
    ("component", "said", "expected"),
    [
        ("connector", {"image": "ssmd:1.2"}, "at `defaults.connector.image`"),
        ("connector", {"image": "host:5000/team/ssmd:1.2"}, "at `defaults.connector.image`"),
        ("connector", {"image": "SSMD"}, "at `defaults.connector.image`"),
        ("connector", {"image": "a b"}, "at `defaults.connector.image`"),
        ("connector", {"version": "a tag"}, "at `defaults.connector.version`"),
        ("connector", {"version": 1.1}, "at `defaults.connector.version`"),
        ("connector", {"rotation_s": 900}, "`connector.rotation_s` has no meaning"),
        ("archiver", {"rotation_s": 901}, "not a number of whole minutes that divides a day"),
        ("archiver", {"rotation_s": 780}, "not a number of whole minutes that divides a day"),
        ("archiver", {"auth": {"secret": "s"}}, "`archiver.auth` has no meaning"),
        (
            "connector",
            {"auth": {"secret": "A_Secret"}},  # pragma: allowlist secret
            "at `defaults.connector.auth.secret`",
        ),
        ("connector", {"auth": {"secret": "s", "fields": {"a b": "x"}}}, "defaults.connector.auth"),
        (
            "connector",
            {"auth": {"secret": "s", "fields": {"a": "x", "b": "x"}}},
            "names a credential twice",
        ),
        ("connector", {"imgae": "x"}, 'Did you mean "image"?'),
        ("connector", {"tag": "x"}, 'Did you mean "version"?'),
        ("connector", {"transport": {"streamName": "x"}}, 'Did you mean "stream"?'),
        ("connector", {"transport": {"subject-prefix": "x"}}, 'Did you mean "subject_prefix"?'),
    ],
)
def test_a_component_that_cannot_be_deployed_is_refused(
    component: str, said: dict[str, Any], expected: str
) -> None:
    """With its place, before anything is deployed."""
    assert expected in refusal(defaults={component: said})


@pytest.mark.parametrize("image", ["ssmd", "team/ssmd", "host:5000/team/ssmd", "host.net/a/b-c_d"])
def test_an_image_is_named_without_its_tag(image: str) -> None:
    """The tag is the version: two places for one thing would differ one day."""
    read = feed(defaults={"connector": {"image": image, "version": "1.10"}})
    assert (read.defaults.connector.image, read.defaults.connector.version) == (image, "1.10")


def test_both_components_use_one_stream() -> None:
    """What one fills, the other reads."""
    said = refusal(
        defaults={
            "connector": {"transport": {"stream": "A"}},
            "archiver": {"transport": {"stream": "B"}},
        }
    )
    assert "`connector.transport` and `archiver.transport` differ" in said
    same = {"transport": {"stream": "A"}}
    assert feed(defaults={"connector": same, "archiver": same}).defaults.transport.stream == "A"
    assert feed(defaults={"archiver": same}).defaults.transport.stream == "A"
    assert feed().defaults.transport.stream is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"timestamp_field": "ts"}, "needs the timestamp_format in which it is written"),
        (
            {"timestamp_field": "ts", "timestamp_format": "pipeline"},
            "needs the timestamp_format in which it is written",
        ),
        ({"timestamp_format": "rfc3339"}, "timestamp_format `rfc3339` needs a timestamp_field"),
        ({"sequence_field": "n"}, "no meaning without `sequenced: true`"),
        ({"sequence_scope": "per_product"}, "no meaning without `sequenced: true`"),
        ({"sequenced": True}, "needs a sequence_field"),
        ({"identifier_field": "a..b"}, "at `message_types.t.identifier_field`"),
        ({"identifier_field": "a b"}, "at `message_types.t.identifier_field`"),
        ({"identifier_field": "$.a[0]"}, "at `message_types.t.identifier_field`"),
        ({"identifer_field": "a"}, 'Did you mean "identifier_field"?'),
    ],
)
def test_a_message_type_that_cannot_be_is_refused(said: dict[str, Any], expected: str) -> None:
    """A field without its format is a number that nobody can read."""
    assert expected in refusal(message_types={"t": said})


@pytest.mark.parametrize(
    ("path", "key", "meant"),
    [
        ((), "exchange", "venue"),
        ((), "displayName", "display_name"),
        ((), "captureLocations", "capture_locations"),
        (("versions", 0), "url", "endpoint"),
        (("versions", 0), "websocket_url", "endpoint"),
        (("versions", 0), "effectiveFrom", "effective_from"),
        (("versions", 0), "auth", "auth_method"),
        (("universe",), "markets", "symbols"),
        (("universe",), "instruments", "symbols"),
        (("universe",), "chanels", "channels"),
    ],
)
def test_what_keys_were_called_elsewhere_is_known(
    path: tuple[str | int, ...], key: str, meant: str
) -> None:
    """The answer says where it stands, and what it is called here."""
    tree: Any = feed_tree()
    place = tree
    for step in path:
        place = place[step]
    place[key] = "x"
    with pytest.raises(ConfigError) as caught:
        settings.convert(tree, FeedConfig, where="/etc/my/feed.yaml")
    where = "versions[0]." if path == ("versions", 0) else "".join(f"{step}." for step in path)
    expected = f'/etc/my/feed.yaml: `{where}{key}` is not a known key. Did you mean "{meant}"?'
    assert caught.value.message == expected
