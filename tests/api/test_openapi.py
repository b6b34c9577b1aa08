"""The OpenAPI document: complete, current, and true of what is answered, whatever is asked."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case, checks
from scripts.openapi import PAGE, document

from ssmd.quality import history
from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.database import open_database
from tests import tier
from tests.api.threaded import threaded
from tests.api.world import app_of
from tests.quality.made import AT, report
from tests.secmaster.conftest import server
from tests.secmaster.filled import fill
from tests.secmaster.server import Server, finish

__all__ = ["server"]

OPEN = {"/health", "/v1/version"}
"""What is answered to everybody."""
ENDLESS = {"/v1/live/{feed}", "/v1/operations/watch"}
"""Streams that end when the reader leaves: `live/` and `operations/` ask them."""

DOCUMENT: dict[str, Any] = document()
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
"""What must hold of every answer. That a word which fits its schema is accepted cannot: a time, a name or
a cursor is judged by what is recorded."""


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and description of every operation."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_the_document_in_the_repository_is_current() -> None:
    """A change of the contract is seen by whoever reviews it."""
    written = json.loads(PAGE.read_text(encoding="utf-8"))
    assert written == DOCUMENT, "run: .venv/bin/python -m scripts.openapi"


def test_it_is_an_openapi_document() -> None:
    """By somebody else's judgement: its version, its references, its schemas."""
    assert DOCUMENT["openapi"] == "3.1.0"
    for component in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(component)


def test_every_operation_is_described() -> None:
    """A summary, a sentence, every word explained, and an answer with its shape."""
    for path, method, operation in operations():
        where = f"{method} {path}"
        assert operation["summary"], where
        assert len(operation.get("description", "")) > 10, where
        for word in operation.get("parameters", ()):
            assert word.get("description") or word["schema"].get("description"), (where, word)
        good = [code for code in operation["responses"] if code.startswith("2")]
        assert good, where


def test_every_path_but_the_open_ones_names_one_scope() -> None:
    """What a key needs stands in the document."""
    for path, method, operation in operations():
        if path in OPEN:
            assert "security" not in operation
            continue
        (needed,) = operation["security"]
        assert set(needed) == {"key"}, (path, method)
        assert len(needed["key"]) <= 1, (path, method)
        assert {"401", "403", "429"} <= set(operation["responses"]), (path, method)


def test_everything_but_the_open_paths_stands_under_v1() -> None:
    """Another version can stand beside it."""
    assert {path for path in DOCUMENT["paths"] if not path.startswith("/v1/")} == {"/health"}


@pytest.fixture(scope="module")
def url(
    played: tuple[Path, object], server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A server over an archive of all venues with a security master and verdicts, in a thread."""
    made = server.migrated()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", made.url)
        finish(_filled(tmp_path_factory.mktemp("database")))
        with threaded(lambda: app_of(played[0])) as address:
            yield address
    server.drop(made)


async def _filled(folder: Path) -> None:
    """A security master with instruments, and one judged day."""
    async with open_database(None, folder, SystemClock()) as database:
        await fill(database)
        await history.save(database, report(), at=AT)


@SCHEMA.exclude(path=sorted(ENDLESS)).parametrize()
@settings(
    max_examples=200 if tier.FULL else 20,
    deadline=None,
    derandomize=not tier.FULL,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_no_question_makes_it_fail(case: Case[Any], url: str) -> None:
    """Whatever is asked: no 5xx, only documented statuses, media types and shapes."""
    case.call_and_validate(base_url=url, checks=CHECKS)
