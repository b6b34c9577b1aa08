"""Fingerprints: what is counted, that counts add up, and that nothing makes them explode."""

import random
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.quality.drift import fingerprint
from ssmd.quality.drift.fingerprint import (
    ANY,
    DEEPEST,
    MOST_ITEMS,
    MOST_KEYS,
    Fingerprint,
    Node,
    Ref,
    Taking,
    alike,
    merge,
    paths,
)
from tests.tier import SEED, scale

Message = tuple[str, bytes, Ref]


def ref(number: int) -> Ref:
    """A message's place; the number orders it."""
    return Ref(number, "c", number, 0, "file")


def of(messages: Sequence[Message], symbols: Sequence[str] = ()) -> Fingerprint:
    """The fingerprint of messages, in this order."""
    taking = Taking()
    for kind, text, where in messages:
        taking.take(kind, text, symbols, where)
    return taking.fingerprint


def one(*texts: bytes, symbols: Sequence[str] = ()) -> dict[str, dict[str, int]]:
    """What values of which kind stand where, in messages of one type."""
    found = of([("t", text, ref(n)) for n, text in enumerate(texts)], symbols)
    return {
        path: {kind: seen.count for kind, seen in node.kinds.items()}
        for path, node in paths(found.types["t"])
    }


def plain(found: Fingerprint) -> object:
    """A fingerprint to compare: the order of names says nothing."""
    return msgspec.json.decode(msgspec.json.encode(found, order="deterministic"))


def test_each_value_is_counted_where_it_stands_and_by_its_kind() -> None:
    """Venues retype numbers: what is an int, a decimal or a number in quotes must be told apart."""
    assert one(
        b'{"a":1,"b":1.0,"c":"1","d":"0.50","e":"","f":"x","g":null,"h":true,"i":[1,2],"j":{}}',
        b'{"a":1e5,"b":-0.5,"c":"1e-7","d":"1.5.2","e":"5 ","i":[],"j":{"k":[[1,"2"]]}}',
    ) == {
        "": {"object": 2},
        "a": {"int": 1, "decimal": 1},
        "b": {"decimal": 2},
        "c": {"number_text": 2},
        "d": {"number_text": 1, "text": 1},
        "e": {"empty_text": 1, "text": 1},
        "f": {"text": 1},
        "g": {"null": 1},
        "h": {"bool": 1},
        "i": {"array": 2},
        "i[]": {"int": 2},
        "j": {"object": 2},
        "j.k": {"array": 1},
        "j.k[]": {"array": 1},
        "j.k[][]": {"int": 1, "number_text": 1},
    }


@pytest.mark.parametrize("text", [b"", b"PONG", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a":1}x'])
def test_what_is_no_json_is_told_as_such(text: bytes) -> None:
    """A venue may answer anything, and never breaks who looks."""
    assert one(text) == {"": {"unreadable": 1}}


@pytest.mark.parametrize(
    "keys",
    [
        [f"SYM{number}" for number in range(MOST_KEYS + 1)],
        ["BTC/USD", "ETH/USD"],
        ["0x12", "1", ""],
    ],
    ids=["many", "pairs", "numbers"],
)
def test_objects_keyed_by_symbols_are_maps(keys: list[str]) -> None:
    """A field is a name in a protocol; a listing must not bring a thousand new ones."""
    text = msgspec.json.encode({"m": {key: {"bid": 1} for key in keys}})
    assert one(text)[f"m.{ANY}.bid"] == {"int": len(keys)}
    assert len(one(text)) == 4


def test_a_symbol_the_message_speaks_of_is_no_field() -> None:
    """Even one that looks like a name, in an object of few."""
    text = b'{"XBTUSD":{"bid":1},"time":2}'
    assert set(one(text)) == {"", "XBTUSD", "XBTUSD.bid", "time"}
    assert set(one(text, symbols=["XBTUSD"])) == {"", ANY, f"{ANY}.bid", "time"}


def test_nothing_grows_without_bounds() -> None:
    """Neither depth, nor width, nor length makes a fingerprint large."""
    deep: object = 1
    for number in range(40):
        deep = {f"k{number}": deep}
    found = one(msgspec.json.encode({"deep": deep, "long": list(range(100_000))}))
    assert found["long[]"] == {"int": MOST_ITEMS}
    assert max(path.count("k") for path in found) < DEEPEST
    rng = random.Random(SEED)
    wide = [
        msgspec.json.encode({"m": {f"a{rng.random():.9f}"[2:].replace("0", "z"): 1}})
        for _ in range(3_000)
    ]
    assert len(one(*wide)) <= MOST_KEYS + 2


keys = st.sampled_from(["a", "b", "c", "d", "1", "X/Y", "*"])
leaves = st.none() | st.integers(-5, 5) | st.sampled_from([True, 0.5, "", "x", "1"])
inner = st.dictionaries(keys, leaves, max_size=4)
values = leaves | inner | st.lists(leaves | inner, max_size=3) | st.dictionaries(keys, inner)
messages = st.lists(
    st.tuples(
        st.sampled_from(["t", "t", "u"]),
        st.dictionaries(keys, values, max_size=4).map(msgspec.json.encode) | st.just(b"{"),
        st.integers(0, 50).map(ref),
    ),
    min_size=1,
    max_size=10,
)


def adds_up(taken: list[Message], most: int) -> None:
    """However messages are cut and ordered, their fingerprint is the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fingerprint, "MOST_KEYS", most)
        whole = plain(of(taken))
        for cut in range(len(taken) + 1):
            parts = of(taken[:cut]), of(taken[cut:])
            before = [plain(part) for part in parts]
            assert plain(merge(*parts)) == whole
            assert plain(merge(*reversed(parts))) == whole
            assert [plain(part) for part in parts] == before
            assert plain(of(taken[cut:] + taken[:cut])) == whole
        decoded = msgspec.json.decode(msgspec.json.encode(of(taken)), type=Fingerprint)
        assert plain(decoded) == whole


@given(messages, st.integers(1, 3))
def test_parts_add_up_to_the_whole(taken: list[Message], most: int) -> None:
    """Days are merged into a baseline, segments into a day: order and cuts must not matter."""
    adds_up(taken, most)


def test_parts_of_wide_messages_add_up_too() -> None:
    """The same where names are many: each place may become a map in one part, or in both only."""
    rng = random.Random(SEED)

    def made(depth: int) -> object:
        if not depth:
            return rng.choice([1, 0.5, "x", None])
        return {name: made(depth - 1) for name in rng.sample("abcdefg", rng.randint(0, 3))}

    for _ in range(scale(gate=150, full=5_000)):
        texts = [msgspec.json.encode(made(rng.randint(1, 3))) for _ in range(rng.randint(2, 5))]
        taken = [("t", text, ref(rng.randint(0, 9))) for text in texts]
        adds_up(taken, rng.randint(1, 5))


def test_a_map_and_an_object_are_held_against_each_other_as_maps() -> None:
    """A venue that lists more than before has not taken its fields away."""
    few = of([("t", b'{"a":{"x":1},"b":{"x":1}}', ref(1))]).types["t"]
    many = of([("t", msgspec.json.encode({f"k{n}": {"x": 1} for n in range(99)}), ref(2))])
    one_, other = alike(few, many.types["t"])
    assert [set(each.keys) for each in (one_, other)] == [{ANY}, {ANY}]
    assert one_.keys[ANY].of("object") == 2
    assert few.keys.keys() == {"a", "b"}
    assert alike(few, few) == (few, few)


def test_a_late_message_can_be_the_first() -> None:
    """Lines of several connections are not in the order of their times."""
    found = of([("t", b'{"a":1}', ref(9)), ("t", b'{"a":2}', ref(3))]).types["t"]
    assert found.keys["a"].kinds["int"].first == ref(3)
    assert Node().count == 0
