"""The proof for the chains: every manifest follows from the one before it. Pure."""

from collections.abc import Mapping, Sequence

import msgspec

from ssmd.archive.conservation import Problem
from ssmd.archive.manifest import Head, Link
from ssmd.archive.presence import Held


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the proof of a chain needs of one manifest.

    Attributes:
        file: Where the manifest lies, relative to the root.
        link: The manifest as its successor should name it.
        previous: What it names as its predecessor.
    """

    file: str
    link: Link
    previous: Link | None


def prove_chain(
    writer: str, head_file: str, manifests: Sequence[Known], head: Head | None
) -> list[Problem]:
    """What is wrong with a writer's chain.

    Args:
        writer: Whose chain it is.
        head_file: Name of the head's file.
        manifests: Every manifest of the writer, in any order.
        head: The head; None when there is none.
    """
    problems: list[Problem] = []
    before: Known | None = None
    for known in sorted(manifests, key=lambda each: each.link.number):
        problems += _prove_link(known, before)
        before = known
    return problems + _prove_head(writer, head_file, manifests, head)


def concerned(
    kind: str, file: str | None, message: str, connections: Mapping[str, Held]
) -> list[Problem]:
    """The same problem for every connection that a segment held."""
    return [
        Problem(
            kind=kind,
            message=message,
            file=file,
            connection=connection,
            ordinals=held.ordinals + tuple((p.ordinal, p.ordinal) for p in held.incomplete),
            records=held.records,
        )
        for connection, held in sorted(connections.items())
    ] or [Problem(kind=kind, message=message, file=file)]


def _prove_link(known: Known, before: Known | None) -> list[Problem]:
    link, previous = known.link, known.previous
    expected = 1 if before is None else before.link.number + 1
    if link.number < expected:
        return concerned(
            "chain",
            known.file,
            f"it has number {link.number}, which another manifest of its writer has too.",
            link.connections,
        )
    problems: list[Problem] = []
    if link.number > expected:
        problems += _gone(known, expected)
    elif before is not None and previous is not None and previous.sha256 != before.link.sha256:
        problems += concerned(
            "chain",
            before.file,
            f"it is not the manifest that {known.file} was chained to.",
            before.link.connections,
        )
    if (previous is None) != (link.number == 1):
        problems.append(
            Problem(
                kind="chain",
                message=f"it has number {link.number} but names"
                f" {'no' if previous is None else 'a'} predecessor.",
                file=known.file,
            )
        )
    return problems


def _gone(known: Known, expected: int) -> list[Problem]:
    """Manifests are missing before this one; it remembers the last of them in full."""
    previous = known.previous
    problems = []
    if previous is not None:
        problems += concerned(
            "deleted",
            previous.name,
            f"segment and manifest number {previous.number} are gone; {known.file} names them.",
            previous.connections,
        )
    if known.link.number - 1 > expected:
        problems.append(
            Problem(
                kind="deleted",
                message=f"manifests number {expected} to {known.link.number - 2} before it are"
                " gone too.",
                file=known.file,
            )
        )
    return problems


def _prove_head(
    writer: str, head_file: str, manifests: Sequence[Known], head: Head | None
) -> list[Problem]:
    newest = max(manifests, key=lambda each: each.link.number, default=None)
    if newest is None and (head is None or head.last is None):
        return []
    if head is None:
        assert newest is not None  # noqa: S101 - the case above
        return concerned(
            "head",
            head_file,
            f"it is gone; the newest manifest left of {writer} is {newest.file}, and nothing says"
            " that none came after it.",
            newest.link.connections,
        )
    last = head.last
    number = 0 if newest is None else newest.link.number
    if last is not None and last.number > number:
        problems = concerned(
            "deleted",
            last.name,
            f"segment and manifest number {last.number} are gone; {head_file} names them.",
            last.connections,
        )
        if last.number - 1 > number:
            text = f"manifests number {number + 1} to {last.number - 1} are gone too."
            problems.append(Problem(kind="deleted", message=text, file=head_file))
        return problems
    if last is None:
        return []
    named = [each for each in manifests if each.link.number == last.number]
    return [  # behind the chain the head may be: a crash, or a seal while we looked
        problem
        for each in named
        if each.link != last
        for problem in concerned(
            "head",
            each.file,
            f"it is not the manifest that {head_file} names as number {last.number}.",
            each.link.connections,
        )
    ]
