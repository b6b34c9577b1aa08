"""Which files belong together: those a file speaks of are in the store before it is."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from ssmd.archive import layout, manifest
from ssmd.archive.store.local import LocalStore
from ssmd.archive.store.port import Stored
from ssmd.archive.tables import merged
from ssmd.model.errors import Damaged


class Part(msgspec.Struct, frozen=True):
    """A file that another one speaks of.

    Attributes:
        name: Relative to the root.
        sha256: The digest the other one tells of.
    """

    name: str
    sha256: str


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Files that are complete together.

    Attributes:
        name: The file that speaks of the others; it goes last.
        content: Its bytes, as they were when the others were named; None to read it when it goes.
        parts: The others.
        is_replaceable: Whether the others may be replaced: the old one is taken out of the store
            first then, so that it never speaks of new ones.
    """

    name: str
    content: bytes | None
    parts: tuple[Part, ...] = ()
    is_replaceable: bool = False


class _Slot(msgspec.Struct):
    """Of what a slot's tables were made from: which files they are."""

    files: tuple[Part, ...]
    books: Part | None


class _One(msgspec.Struct):
    """Of which slots became one: which files hold their rows."""

    files: tuple[Part, ...]


class _Day(msgspec.Struct):
    """Of what a day's ledger was made from: which files it is."""

    files: dict[str, str]


T = TypeVar("T")
_slot = msgspec.json.Decoder(_Slot)
_one = msgspec.json.Decoder(_One)
_day = msgspec.json.Decoder(_Day)

Complain = Callable[[str, str], None]
"""Told the name of a file that is damaged, and how."""


def groups(
    root: Path, feed: str, date: str, files: Mapping[str, Stored], complain: Complain
) -> Iterator[Group]:
    """What of a day can be uploaded, in the order in which it should be.

    Args:
        root: The archive.
        feed: Whose day.
        date: Which day.
        files: Its files that are here.
        complain: Told of files that are damaged; they, and what they speak of, stay.
    """
    for name in sorted(files):
        if layout.is_temporary(name):
            continue
        known = layout.parse(name)
        if known is not None and known[1] == "manifest":
            place = known[0]
            if place.name("open") in files and place.name() not in files:
                continue  # it is being sealed at this moment
            yield from _read(root, name, complain, _segment)
        elif (known is not None and known[1] == "damaged") or layout.is_facts(name):
            yield Group(name=name, content=None)
    yield from _of_tables(root, feed, files, complain)
    if layout.day(feed, date) in files:
        yield from _read(root, layout.day(feed, date), complain, _ledger)


def _of_tables(
    root: Path, feed: str, files: Mapping[str, Stored], complain: Complain
) -> Iterator[Group]:
    one = list(merged.records(LocalStore(root), [feed]))
    for name in sorted(files):
        if layout.is_merged(name):
            yield from _read(root, name, complain, _merged)
    for name in sorted(files):
        slot = layout.parse_built(name)
        if slot is not None:
            # Those that became one: their files are with the record, which goes first.
            is_one = any(merged.key(slot) in each.slots for each in one)
            yield from _read(root, name, complain, _unnamed if is_one else _tables)


def _read(
    root: Path, name: str, complain: Complain, made: Callable[[str, bytes], Group]
) -> Iterator[Group]:
    try:
        yield made(name, (root / name).read_bytes())
    except Damaged as error:
        complain(name, error.message)
    except FileNotFoundError:
        return


def _segment(name: str, content: bytes) -> Group:
    known = manifest.decode(content, name)
    return Group(name=name, content=content, parts=(Part(known.name, known.sha256),))


def _tables(name: str, content: bytes) -> Group:
    known = _decoded(_slot, content, name)
    files = (*known.files, *(() if known.books is None else (known.books,)))
    return Group(name=name, content=content, parts=files, is_replaceable=True)


def _merged(name: str, content: bytes) -> Group:
    known = _decoded(_one, content, name)
    return Group(name=name, content=content, parts=known.files, is_replaceable=True)


def _unnamed(name: str, content: bytes) -> Group:
    books = _decoded(_slot, content, name).books
    parts = () if books is None else (books,)
    return Group(name=name, content=content, parts=parts, is_replaceable=True)


def _ledger(name: str, content: bytes) -> Group:
    """A day's ledger; readers of one that is half replaced see so, and fold for themselves."""
    known = _decoded(_day, content, name)
    parts = tuple(Part(file, sha256) for file, sha256 in known.files.items())
    return Group(name=name, content=content, parts=parts)


def _decoded(decoder: msgspec.json.Decoder[T], content: bytes, name: str) -> T:
    try:
        return decoder.decode(content)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        message = f"{name} is not what was written: {error}."
        raise Damaged(message, remedy="It is made again from the raw segments.") from error
