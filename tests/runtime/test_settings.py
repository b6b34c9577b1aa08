"""Configuration is refused, not guessed: the sentence a person gets."""

from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.errors import ConfigError
from ssmd.runtime import settings
from ssmd.runtime.unknown import nearest


class Inner(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    type: str = "x"
    silence_s: Annotated[float, msgspec.Meta(ge=1, le=10)] = 1.0

    def __post_init__(self) -> None:
        if self.type == "old":
            raise ValueError("type `old` is not supported")


class Outer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    inner: Inner | None = None
    several: tuple[Inner, ...] = ()
    by_name: dict[str, Inner] = {}


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        settings.parse(text, Outer, where="a.yaml")
    assert caught.value.exit_code == 2
    assert caught.value.remedy
    return str(caught.value)


def test_a_file_becomes_a_strict_type(tmp_path: Path) -> None:
    """The good case, through a real file."""
    file = tmp_path / "a.yaml"
    file.write_text("name: no\ninner: {silence_s: 2}\nby_name: {a: {type: 'y'}}\n")
    loaded = settings.load(file, Outer)
    assert loaded == Outer(name="no", inner=Inner(silence_s=2.0), by_name={"a": Inner(type="y")})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: a\ninner: {silense_s: 1}", ["`inner.silense_s`", '"silence_s"', "under `inner`"]),
        ("name: a\ninner: {transport_type: x}", ['Did you mean "type"?']),
        ("name: a\ninner: {silenceS: 1}", ['Did you mean "silence_s"?']),
        ("name: a\nseveral: [{}, {typ: x}]", ["`several[1].typ`", '"type"']),
        ("name: a\nby_name: {k: {typ: x}}", ["`by_name.k.typ`", '"type"']),
        ("nam: a\nqqq: 1", ["`nam`", '"name"', "`qqq`", "by_name, inner, name, several"]),
    ],
)
def test_an_unknown_key_is_named_with_its_path_and_the_nearest_valid_one(
    text: str, expected: list[str]
) -> None:
    """A misspelt key that is ignored captures the wrong thing for a month."""
    said = refusal(text)
    assert said.startswith("a.yaml: ")
    assert [part for part in expected if part not in said] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("inner: {}", "missing required field `name`"),
        ("name: a\ninner: {silence_s: 11}", "at `inner.silence_s`: Expected `float` <= 10"),
        ("name: a\ninner: {silence_s: .nan}", "at `inner.silence_s`"),
        ("name: a\ninner: {silence_s: .inf}", "at `inner.silence_s`"),
        ("name: a\ninner: {silence_s: soon}", "at `inner.silence_s`: Expected `float`, got `str`"),
        ("name: a\nby_name: {a: {}, b: {silence_s: 0}}", "at `by_name.b.silence_s`"),
        ("name: a\nseveral: [{}, {type: old}]", "at `several[1]`: type `old` is not supported."),
        ("name: a\ninner: 3", "at `inner`"),
        ("- name", "Expected `object`, got `array`"),
        ("", "is empty"),
    ],
)
def test_a_wrong_value_is_named_with_its_path(text: str, expected: str) -> None:
    """The place of the fault, so that nobody has to search for it."""
    assert expected in refusal(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: a\ninner: [", 2),
        ("name: a\n\tinner: 1", 2),
        ("name: a\ninner: {}\nname: b", 3),
        ("name: a\ninner:\n  type: x\n  type: y", 4),
        ("? [a]\n: b", 1),
        ("name: *nowhere", 1),
        ("name: !!python/object:os.system {}", 1),
    ],
)
def test_a_fault_of_the_yaml_itself_is_named_with_its_line(text: str, line: int) -> None:
    """A key that stands twice counts: YAML would silently take the last."""
    assert f"a.yaml, line {line}: " in refusal(text)


def test_merged_defaults_may_be_overridden() -> None:
    """An anchor merged under a key of its own is YAML's way to share, not a double key."""
    text = "name: a\nseveral:\n  - &d {type: x, silence_s: 3}\n  - {<<: *d, type: y}\n"
    loaded = settings.parse(text, Outer, where="a.yaml")
    assert loaded.several[1] == Inner(type="y", silence_s=3)


def test_files_that_cannot_be_a_configuration_are_refused(tmp_path: Path) -> None:
    """A missing file, a folder, a capture, bytes: a sentence each, no traceback."""
    huge = tmp_path / "huge.yaml"
    huge.write_bytes(b"a" * (5 << 20))
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00\x01")
    deep = tmp_path / "deep.yaml"
    deep.write_text("[" * 5000)
    for path in (tmp_path / "absent.yaml", tmp_path, huge, binary, deep):
        with pytest.raises(ConfigError, match=str(path)):
            settings.load(path, Outer)


keys = st.text("abcdefgh_", min_size=4, max_size=12).filter(lambda key: key.strip("_"))


@given(valid=st.sets(keys, min_size=1, max_size=8), data=st.data())
def test_what_is_suggested_is_valid_and_a_right_key_is_its_own_nearest(
    valid: set[str], data: st.DataObject
) -> None:
    """A suggestion that would be refused too is worse than none."""
    asked = data.draw(st.one_of(keys, st.sampled_from(sorted(valid))))
    found = nearest(asked, valid)
    assert found is None or found in valid
    if asked in valid:
        assert found == asked


@given(key=st.text("abcdefghijklmnopqrstuvwxyz", min_size=5, max_size=12), data=st.data())
def test_one_slip_of_the_finger_is_understood(key: str, data: st.DataObject) -> None:
    """One letter left out of a key still leads to it."""
    at = data.draw(st.integers(0, len(key) - 1))
    assert nearest(key[:at] + key[at + 1 :], {key, "zzzzzzzzzzzz_0"}) == key
