"""No check without a test that makes it fail and one that makes it pass."""

import ast
from pathlib import Path

import pytest

from ssmd.feeds.policy import load_policy
from tests.quality.proofs import proofs
from tests.shared import REPOSITORY

CHECKS = sorted(load_policy(None).checks)


def test_every_check_of_the_policy_has_a_pair_and_nothing_else_has() -> None:
    """Whoever adds a check shows it red and green; who takes one away takes its pair away."""
    assert sorted(proofs()) == CHECKS


@pytest.mark.parametrize("name", CHECKS)
def test_the_pair_of_a_check_is_two_tests_that_assert_something(name: str) -> None:
    """The named functions are there, are two, are tests, and can fail."""
    red, green = proofs()[name]
    assert red != green
    for place in (red, green):
        file, _, function = place.partition("::")
        found = _functions(REPOSITORY / file).get(function)
        assert found is not None, f"{place} is not there"
        assert any(isinstance(node, ast.Assert) for node in ast.walk(found)), (
            f"{place} asserts nothing"
        )
        assert not _is_skipped(found), f"{place} is skipped"


def _functions(path: Path) -> dict[str, ast.AST]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name: node for node in tree.body if isinstance(node, kinds)}


def _is_skipped(function: ast.AST) -> bool:
    marks = getattr(function, "decorator_list", [])
    return any("skip" in ast.unparse(mark) or "xfail" in ast.unparse(mark) for mark in marks)
