"""Errors that say what to do."""

import pytest

from ssmd.model.errors import Busy, ConfigError, Damaged, SsmdError, Unavailable


def test_an_error_says_what_is_wrong_and_what_to_do() -> None:
    """A remedy cannot be forgotten: it has no default."""
    error = ConfigError("The file is empty.", remedy="Write something into it.")
    assert str(error) == "The file is empty. Remedy: Write something into it."
    with pytest.raises(TypeError):
        SsmdError("no remedy")  # type: ignore[call-arg]


def test_the_exit_code_tells_our_fault_from_theirs() -> None:
    """2 for a wrong configuration or a second owner, 1 for the rest."""
    codes = {kind: kind.exit_code for kind in (ConfigError, Busy, Unavailable, Damaged)}
    assert codes == {ConfigError: 2, Busy: 2, Unavailable: 1, Damaged: 1}
    assert [kind for kind in codes if kind.retryable] == [Unavailable]
