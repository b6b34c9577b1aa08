"""What shipped feeds say of messages is what the venues send."""

import json
from collections import defaultdict
from collections.abc import Iterator

import pytest

from ssmd.feeds import registry
from ssmd.feeds.feed import FeedConfig, MessageType
from ssmd.model.frame import Frame, Opcode
from tests.venues.booking import Labels
from tests.venues.conversation import START, conversation


def values(tree: object, path: str) -> Iterator[object]:
    """Everything that stands at a path: keys with dots between, `[]` for every element."""
    if isinstance(tree, list):
        for element in tree:
            yield from values(element, path)
        return
    key, _, rest = path.partition(".")
    inner = tree.get(key.removesuffix("[]")) if isinstance(tree, dict) else None
    if inner is None:
        return
    if rest:
        yield from values(inner, rest)
    elif isinstance(inner, list) and key.endswith("[]"):
        yield from inner
    else:
        yield inner


def heard(feed: FeedConfig) -> dict[str, list[object]]:
    """What a simulated venue says in some seconds, by those types of which the feed speaks."""
    venue = registry.venue(feed)
    labels = Labels(venue)
    found: dict[str, list[object]] = defaultdict(list)
    for payload in conversation(venue, 20):
        for piece in labels.pieces(Frame(payload, Opcode.TEXT, START, 0.0)):
            if piece.envelope.type in feed.message_types:
                found[piece.envelope.type].append(json.loads(piece.envelope.payload))
    return found


def absent(told: MessageType, messages: list[object]) -> list[str]:
    """Fields that are said to be there and are in none of the messages."""
    named = (told.identifier_field, told.timestamp_field, told.sequence_field)
    more = (told.sequence_group_by, told.fanout)
    return [
        path
        for path in (*named, *more)
        if path is not None and not any(True for tree in messages for _ in values(tree, path))
    ]


@pytest.mark.parametrize("name", registry.names())
def test_the_fields_are_where_the_feed_says(name: str) -> None:
    """Identifier, time and sequence of each type: a path that leads nowhere misleads a reader."""
    feed = registry.load_feed(name)
    messages = heard(feed)
    assert len(messages) >= 2
    wrong = {kind: absent(feed.message_types[kind], told) for kind, told in messages.items()}
    assert not any(wrong.values()), wrong


def test_a_path_that_leads_nowhere_is_noticed() -> None:
    """The reading of paths bites."""
    messages: list[object] = [{"data": [{"symbol": "A", "n": 0}]}]
    good = MessageType(identifier_field="data[].symbol", fanout="data")
    assert absent(good, messages) == []
    assert absent(MessageType(identifier_field="data[].sym"), messages) == ["data[].sym"]
    assert list(values(messages, "data[].n")) == [0]
