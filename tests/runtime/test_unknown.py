"""What keys are called elsewhere, and what was meant."""

import pytest

from ssmd.feeds.schema import FILES, schema
from ssmd.runtime.unknown import RENAMED, nearest

VALID = {
    key
    for kind in FILES
    for definition in schema(kind)["$defs"].values()
    for key in definition["properties"]
}
"""Every key that may stand anywhere in our files."""


@pytest.mark.parametrize("old", RENAMED)
def test_every_old_spelling_leads_to_a_key_of_ours(old: str) -> None:
    """In whatever style it is written; a table that leads nowhere misleads."""
    for meant in RENAMED[old]:
        assert meant in VALID
        camel = old.split("_", maxsplit=1)[0] + "".join(word.title() for word in old.split("_")[1:])
        for written in (old, camel, old.replace("_", "-"), old.upper()):
            assert nearest(written, {meant, "zzz"}) == meant


def test_a_key_that_is_valid_here_comes_before_what_it_was_called() -> None:
    """An exact name in another style is never mistaken for an old one."""
    assert nearest("URL", {"url", "endpoint"}) == "url"
    assert nearest("url", {"endpoint", "rest"}) == "endpoint"
    assert nearest("transport_type", {"type", "stream"}) == "type"
    assert nearest("qqqq", {"type", "stream"}) is None
