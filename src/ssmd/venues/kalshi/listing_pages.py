"""Pages of the venue's listings: one names the next by its cursor, and the last one names none."""

from collections.abc import Generator
from typing import Final, TypeAlias

import msgspec

from ssmd.model.rest import Page, Request

COST: Final = 10.0
"""Tokens that a request takes unless the venue says otherwise (`GET /account/endpoint_costs`)."""

NESTED_PAGE: Final = 50
"""Events with markets to a page: 200 of them were 7,200 markets once."""
EVENT_PAGE: Final = 200
MARKET_PAGE: Final = 200
EVENT_MOST: Final = 200
MARKET_MOST: Final = 1000

Query: TypeAlias = tuple[tuple[str, str], ...]


class Walk:
    """One listing of pages, each naming the next by its cursor."""

    def __init__(self, path: str, query: Query, key: str) -> None:
        self._path = path
        self._query = query
        self._key = key
        self._cursor = ""
        self._seen: set[str] = set()
        self.done = False

    def page(self) -> Generator[Request | Page, bytes, list[bytes]]:
        """Asks for the next page, and gives its entries.

        Raises:
            ValueError: It is no such page, or it leads back to one that was read.
        """
        cursor = (("cursor", self._cursor),) if self._cursor else ()
        body = yield Request(self._path, (*self._query, *cursor), cost=COST)
        fields = fields_of(body, self._path)
        self._cursor = _text(fields, "cursor", self._path)
        if self._cursor in self._seen:
            raise ValueError(f"{self._path} leads in a circle: the cursor {self._cursor!r} again")
        self._seen.add(self._cursor)
        self.done = not self._cursor
        return entries_of(fields, self._key, self._path)


def fields_of(body: bytes, where: str) -> dict[str, bytes]:
    """The fields of an object, each as it came.

    Raises:
        ValueError: It is none; `where` it stands is for people.
    """
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        return {name: bytes(value) for name, value in fields.items()}
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"{where}: not an object: {error}") from error


def entries_of(fields: dict[str, bytes], key: str, where: str) -> list[bytes]:
    """A list of entries; the venue writes an empty one as null.

    Raises:
        ValueError: There is none.
    """
    if key not in fields:
        raise ValueError(f"{where}: `{key}` is missing")
    try:
        entries = msgspec.json.decode(fields[key], type=list[msgspec.Raw] | None) or []
        return [bytes(raw) for raw in entries]
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"{where}: `{key}` is not a list: {error}") from error


def status_of(status: str | None) -> Query:
    """The filter of a status; none for all."""
    return (("status", status),) if status else ()


def limit_of(page_size: int | None, usual: int, most: int) -> tuple[str, str]:
    """How many entries a page is to have: never more than the venue gives."""
    return "limit", str(min(max(page_size or usual, 1), most))


def _text(fields: dict[str, bytes], key: str, where: str) -> str:
    if key not in fields:
        raise ValueError(f"{where}: `{key}` is missing: the listing may go on")
    try:
        return msgspec.json.decode(fields[key], type=str | None) or ""
    except msgspec.DecodeError as error:
        raise ValueError(f"{where}: `{key}` is not a text: {error}") from error
