"""Every route of the document, with a key of every scope: one opens it, the others do not."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from scripts.openapi import document

from ssmd.api.callers import Scope
from tests.api.keys.desk import Desk
from tests.api.world import NEEDED

DOCUMENT: dict[str, Any] = document()
ENDLESS = {"/v1/operations/watch"}
"""A stream that begins for whoever may see it, and does not end in this test."""


def operations() -> Iterator[tuple[str, str, str | None]]:
    """Method, address and scope of every operation that asks for a key."""
    for path, methods in sorted(DOCUMENT["paths"].items()):
        for method, operation in methods.items():
            if "security" not in operation:
                continue
            (needed,) = operation["security"]
            address = path
            for word in operation.get("parameters", ()):
                if word["in"] == "path":
                    address = address.replace(f"{{{word['name']}}}", "x")
            required = [
                f"{word['name']}={quote(NEEDED.get(word['name'], 'x'))}"
                for word in operation.get("parameters", ())
                if word["in"] == "query" and word.get("required")
            ]
            address += f"?{'&'.join(required)}" if required else ""
            yield method.upper(), address, next(iter(needed["key"]), None)


OPERATIONS = list(operations())


@pytest.mark.parametrize("scope", [each.value for each in Scope])
async def test_a_key_opens_the_routes_of_its_scope_alone(desk: Desk, scope: str) -> None:
    """Neither more nor less than the document says, on every route there is."""
    token = await desk.make(scope, rate=100_000, burst=100_000)
    for method, address, needed in OPERATIONS:
        if needed in {scope, None} and address.partition("?")[0] in ENDLESS:
            continue
        answer = await desk.send(method, address, token)
        may = needed in {scope, None}
        assert (answer.status_code == 403) != may, (method, address, answer.text)
        assert answer.status_code != 401, (method, address)
        if not may:
            assert answer.json()["code"] == "scope", (method, address)


async def test_without_a_key_every_route_but_the_open_ones_is_closed(desk: Desk) -> None:
    """401 on each of them, whatever else is wrong with the question."""
    assert len(OPERATIONS) > 50
    for method, address, _needed in OPERATIONS:
        answer = await desk.send(method, address)
        assert answer.status_code == 401, (method, address, answer.text)


def test_every_scope_opens_something() -> None:
    """No scope is a word without a meaning."""
    assert {needed for _, _, needed in OPERATIONS if needed} == {each.value for each in Scope}
