"""Credentials: fetched from where they are kept, shown nowhere."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

from ssmd.model.errors import ConfigError
from ssmd.model.venue import Handshake
from ssmd.runtime import secrets

VALUE = "correct-horse-battery"


def test_the_places_of_a_source_go_to_the_fields_in_order() -> None:
    """`env:A,B` maps positionally: the key must not end up where its id belongs."""
    found = secrets.resolve(
        "venue", "env:A, B", ("id", "key"), environ={"A": "1", "B": VALUE, "C": "3"}
    )
    assert dict(found) == {"id": "1", "key": VALUE}


def test_neither_the_secrets_nor_their_errors_show_a_value(tmp_path: Path) -> None:
    """What is printed somewhere is published."""
    path = tmp_path / "key"
    path.write_text(VALUE)
    path.chmod(0o644)
    found = secrets.resolve("venue", "env:A", ("key",), environ={"A": VALUE})
    with pytest.raises(ConfigError) as exposed:
        secrets.resolve("venue", f"file:{path}", ("key",))
    for text in (repr(found), str(found), f"{found}", str(exposed.value), repr(exposed.value)):
        assert VALUE not in text
    assert repr(found) == "Secrets(key)"


def test_a_value_once_fetched_is_masked_in_any_text() -> None:
    """A library that quotes our request must not publish the key in it."""
    secrets.resolve("venue", "env:A", ("key",), environ={"A": "s3cr3t-of-this-test"})
    assert secrets.masked("GET /?k=s3cr3t-of-this-test&x") == "GET /?k=[secret]&x"


LINES = ("MIIEowFirstLineOfTheTest+/=", "SecondLineOfTheTest0123", "tail==")
PEM = "\n".join(("-----BEGIN TEST KEY-----", *LINES, "-----END TEST KEY-----"))


@pytest.mark.parametrize("written", [PEM, f" {PEM}\n\n", PEM.replace("\n", "\\n")])
@pytest.mark.parametrize(
    "shown", [str, str.strip, json.dumps, repr, lambda text: msgspec.json.encode(text).decode()]
)
def test_no_line_of_a_secret_is_shown_however_it_is_written(
    written: str, shown: Callable[[str], str]
) -> None:
    """Trimmed as headers trim it, quoted as JSON, or only one line of it."""
    found = secrets.resolve("venue", "env:A", ("key",), environ={"A": written})
    for text in (shown(found["key"]), *LINES):
        said = secrets.masked(f"key: {text}.")
        assert secrets.MASK in said
        assert not any(line in said for line in LINES)
    assert secrets.masked("-----BEGIN TEST KEY-----") == "-----BEGIN TEST KEY-----"


@pytest.mark.parametrize(
    "sent", [str.strip, quote, lambda text: quote(text.strip(), safe=""), json.dumps]
)
def test_what_is_sent_is_masked_also_when_it_was_stored_with_space_around(
    sent: Callable[[str], str],
) -> None:
    """Headers trim what they are given, addresses escape it."""
    value = ' 0b1c/2d3e "key\\id" \xfc+ \n'
    secrets.resolve("venue", "env:A", ("key",), environ={"A": value})
    said = secrets.masked(f"X-KEY: {sent(value)}!")
    assert secrets.MASK in said
    assert "2d3e" not in said


def test_the_longest_is_masked_first() -> None:
    """A secret that begins like another one is not left with its end showing."""
    for value in ("prefix-of-both", "prefix-of-both-and-more", "prefix-of-bo"):
        secrets.resolve("venue", "env:A", ("key",), environ={"A": value})
    assert secrets.masked("<prefix-of-both-and-more>") == "<[secret]>"


def test_what_is_short_is_not_looked_for() -> None:
    """Also when it is a line of something longer, or short without the space around it."""
    for value in ("abcde", "  abcde  ", "abcde\nanother-line-of-it"):
        secrets.resolve("venue", "env:A", ("key",), environ={"A": value})
    assert secrets.masked("abcde another-line-of-it") == "abcde [secret]"


def test_a_value_that_is_no_text_is_a_secret_all_the_same() -> None:
    """The environment may hold any bytes."""
    value = "no-text-\udcff-at-all"
    secrets.resolve("venue", "env:A", ("key",), environ={"A": value})
    assert secrets.masked(f"k={value}") == "k=[secret]"


def test_a_handshake_shows_the_names_of_its_headers_only() -> None:
    """It stands in tracebacks and in failed assertions."""
    handshake = Handshake("wss://x/ws", {"X-KEY": VALUE, "X-STAMP": "1700000000123"})
    for text in (repr(handshake), str(handshake), f"{[handshake]}"):
        assert VALUE not in text
        assert "1700000000123" not in text
        assert "wss://x/ws" in text
        assert "X-KEY" in text


def test_a_file_gives_its_content_without_the_last_newline(tmp_path: Path) -> None:
    """Editors end files with a newline; keys of several lines keep the inner ones."""
    one, two = tmp_path / "one", tmp_path / "two"
    for path, text in ((one, "a-key\n"), (two, "-----BEGIN\nx\n-----END\n")):
        path.write_text(text)
        path.chmod(0o600)
    found = secrets.resolve("k", f"file:{one},{two}", ("a", "b"))
    assert dict(found) == {"a": "a-key", "b": "-----BEGIN\nx\n-----END"}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o777])
def test_a_file_of_ours_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    """As ssh does it: a credential that others can read is theirs as well."""
    path = tmp_path / "key"
    path.write_text(VALUE)
    path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        secrets.resolve("k", f"file:{path}", ("a",))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_mounted_file_of_somebody_else_may_be_readable_by_our_group(tmp_path: Path) -> None:
    """Kubernetes mounts secrets as root's, readable by the pod's group."""
    path = tmp_path / "key"
    path.write_text(VALUE)
    os.chown(path, 12345, -1)
    path.chmod(0o440)
    assert secrets.resolve("k", f"file:{path}", ("a",))["a"] == VALUE
    for mode in (0o444, 0o460):
        path.chmod(mode)
        with pytest.raises(ConfigError, match="others can use it"):
            secrets.resolve("k", f"file:{path}", ("a",))


@pytest.mark.parametrize(
    ("source", "fields", "expected"),
    [
        ("env:A", ("a", "b"), "has 2 fields (a, b) but its source names 1 places"),
        ("env:", ("a",), "is not understood"),
        ("vault:x", ("a",), "is not understood"),
        ("env:UNSET_HERE", ("a",), "UNSET_HERE is not set"),
        ("env:BLANK", ("a",), "BLANK is not set"),
        ("file:/nowhere/at/all", ("a",), "cannot be read (FileNotFoundError)"),
        ("file:/tmp", ("a",), "cannot be read (IsADirectoryError)"),
        ("file:/dev/null", ("a",), "mode"),
    ],
)
def test_a_source_that_does_not_fit_is_refused(
    source: str, fields: tuple[str, ...], expected: str
) -> None:
    """No key, half a key or an empty key must not reach a venue."""
    with pytest.raises(ConfigError) as caught:
        secrets.resolve("k", source, fields, environ={"A": "1", "BLANK": " "})
    assert expected in str(caught.value)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    """A mount that failed leaves an empty file."""
    path = tmp_path / "key"
    path.write_text("\n")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="is empty"):
        secrets.resolve("k", f"file:{path}", ("a",))


def test_an_address_is_logged_without_its_credentials() -> None:
    """Opening records and logs name where we connected, and nothing else."""
    url = "wss://me:pass@host.name:9443/v2?token=abc#frag"
    assert secrets.without_credentials(url) == "wss://host.name:9443/v2"
