"""Fetches credentials from where they are kept, and keeps them out of sight."""

import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from ssmd.model.errors import ConfigError

_LARGEST_BYTES: Final = 64 << 10
_SHORTEST: Final = 6
"""Shorter values are not looked for in log lines: they would match half the language."""

_ARMOUR: Final = "-----"
"""With what the lines around a key in PEM form begin, which everybody knows."""

MASK: Final = "[secret]"
"""What stands in a log line where a credential would."""

_known: list[str] = []
"""What is looked for, the longest first: a secret may begin with another one."""


class Secrets(Mapping[str, str]):
    """Credentials by field name. Printing it shows the names only."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)
        shown = {form for value in values.values() for form in _forms(value)}
        _known[:] = sorted(shown.union(_known), key=len, reverse=True)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self._values))})"


def _forms(value: str) -> Iterator[str]:
    """As what a value can show: trimmed, line by line, and escaped for JSON or an address."""
    lines = value.replace("\\n", "\n").splitlines()  # often two characters in the environment
    secret = [line for line in lines if not line.lstrip().startswith(_ARMOUR)]
    for part in (value.strip(), *(line.strip() for line in secret)):
        for form in (
            part,
            json.dumps(part)[1:-1],
            json.dumps(part, ensure_ascii=False)[1:-1],
            quote(part, errors="replace"),
            quote(part, safe="", errors="replace"),
        ):
            if len(part) >= _SHORTEST:
                yield form


def masked(text: str) -> str:
    """The text with every credential fetched so far replaced."""
    for value in _known:
        if value in text:
            text = text.replace(value, MASK)
    return text


def excerpt(text: str, most: int) -> str:
    """The beginning of a text, masked and on one line; masked first, for half a secret is one."""
    return " ".join(masked(text).split())[:most]


def without_credentials(url: str) -> str:
    """The address without user, password, query and fragment: fit to be logged and recorded."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def resolve(
    name: str,
    source: str,
    fields: Sequence[str],
    *,
    environ: Mapping[str, str] | None = None,
) -> Secrets:
    """Fetch the fields of one key.

    Args:
        name: The key's name, for messages.
        source: `env:A,B` or `file:/path,/path`: one place per field, in the fields' order.
        fields: Names of the values.
        environ: The environment; this process's own when None.

    Raises:
        ConfigError: The source is not of that form, has another number of places than there are
            fields, or a place is missing, empty, or readable by others.
    """
    kind, _, rest = source.partition(":")
    places = [place.strip() for place in rest.split(",")]
    if kind not in {"env", "file"} or not all(places):
        raise ConfigError(
            f"Key {name!r}: the source {source!r} is not understood.",
            remedy="Write `env:NAME,NAME` or `file:/path,/path`.",
        )
    if len(places) != len(fields):
        raise ConfigError(
            f"Key {name!r} has {len(fields)} fields ({', '.join(fields)}) but its source names "
            f"{len(places)} places.",
            remedy="Name one place per field, in the same order.",
        )
    variables = os.environ if environ is None else environ
    values = {
        field: _variable(name, place, variables) if kind == "env" else _file(name, Path(place))
        for field, place in zip(fields, places, strict=True)
    }
    return Secrets(values)


def _variable(name: str, place: str, environ: Mapping[str, str]) -> str:
    value = environ.get(place, "")
    if not value.strip():
        raise ConfigError(
            f"Key {name!r}: the environment variable {place} is not set.",
            remedy=f"Set {place}, or mark the key `required: false`.",
        )
    return value


def _file(name: str, path: Path) -> str:
    try:
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            _refuse_exposed(name, path, status)
            raw = stream.read(_LARGEST_BYTES + 1)
        value = raw.decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"Key {name!r}: the file {path} cannot be read ({type(error).__name__}).",
            remedy="Check the path and its permissions; it must be a text file.",
        ) from error
    if not value or len(raw) > _LARGEST_BYTES:
        raise ConfigError(
            f"Key {name!r}: the file {path} is empty or larger than {_LARGEST_BYTES} bytes.",
            remedy="Write the credential, and nothing else, into the file.",
        )
    return value


def _refuse_exposed(name: str, path: Path, status: os.stat_result) -> None:
    """Only we may read it; a file that is not ours (a pod's mount) may be our group's too."""
    forbidden = 0o077 if status.st_uid == os.getuid() else 0o037
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode) or mode & forbidden:
        raise ConfigError(
            f"Key {name!r}: the file {path} has mode {mode:04o}, so that others can use it.",
            remedy=f"Run `chmod 600 {path}` (in a pod: `defaultMode: 0440` with an fsGroup).",
        )
