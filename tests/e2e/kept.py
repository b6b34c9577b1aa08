"""The judge of an import: every frame is there, byte for byte, once."""

import gzip
import json
import logging
from pathlib import Path
from typing import Any

from ssmd.archive import reader
from tests.e2e.command import last, ssmd

log = logging.getLogger(__name__)


def raws(capture: Path) -> list[bytes]:
    """The frames of a capture, in order."""
    with gzip.open(capture, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["raw"].encode() for line in lines]


def archived(root: Path) -> list[bytes]:
    """The frames of an archive in the order they came, split ones joined."""
    frames: dict[tuple[str, int], dict[int, bytes]] = {}
    for line in reader.read(root):
        envelope = line.envelope
        if envelope.ordinal is not None:
            pieces = frames.setdefault((envelope.connection, envelope.ordinal), {})
            assert envelope.part not in pieces
            pieces[envelope.part] = envelope.payload
    return [
        pieces[0] if len(pieces) == 1 else b"[" + b",".join(p for _, p in sorted(pieces.items())) + b"]"
        for _, pieces in sorted(frames.items())
    ]  # fmt: skip


def files(root: Path) -> dict[str, bytes]:
    """Every file of an archive that is no lock."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".run" not in path.parts
    }


def imported(capture: Path, root: Path, feed: str) -> dict[str, Any]:
    """What `ssmd import` says of a capture."""
    answer = ssmd("import", capture, "--feed", feed, "--dir", root, "--json")
    assert answer.returncode == 0, answer
    result: dict[str, Any] = last(answer)
    return result


def is_kept_whole(capture: Path, root: Path, feed: str, *, twice: bool = True) -> dict[str, Any]:
    """Import a capture and look at everything that was promised; gives what the import said.

    Args:
        capture: The recorded frames.
        root: The archive they go to.
        feed: The feed they become part of.
        twice: Whether to import them again, which must change nothing.
    """
    result = imported(capture, root, feed)
    expected = raws(capture)
    log.info("%s: %s", capture.name, {k: v for k, v in result.items() if k != "gaps"})
    assert archived(root) == expected
    assert result["frames"] == len(expected)
    assert sum(result["by_type"].values()) == result["envelopes"]
    assert result["unread"] == result["by_type"].get("_unread", 0)
    if twice:
        before = files(root)
        assert imported(capture, root, feed) == {**result, "added": 0}
        assert files(root) == before
    report = last(ssmd("verify", root, "--json"))
    assert report["ok"] is True
    assert report["frames"] == len(expected)
    return result
