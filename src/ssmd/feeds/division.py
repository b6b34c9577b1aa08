"""A feed's divisions: which of a venue's categories each has, and what that leaves of a universe. Pure."""

from collections.abc import Iterable, Mapping

import msgspec

from ssmd.feeds.universe import Discovery, Master, Universe


def check(categories: Mapping[str, tuple[str, ...]], universe: Universe) -> None:
    """Refuse divisions that overlap, that leave something out, or that have nothing.

    Args:
        categories: The venue's categories of every division.
        universe: What the whole feed captures.

    Raises:
        ValueError: A category is in two divisions or twice in one; the universe names symbols,
            which have none; or its own filter wants a category that is in no division, or nothing
            of one.
    """
    owners: dict[str, str] = {}
    for division, words in categories.items():
        for word in words:
            owner = owners.setdefault(word.casefold(), division)
            if owner != division:
                raise ValueError(
                    f"the category `{word}` is in two divisions, `{owner}` and `{division}`"
                )
        if len({word.casefold() for word in words}) != len(words):
            raise ValueError(f"a category stands twice in the division `{division}`")
    part = _asked(universe)
    if part is None:
        raise ValueError(
            "`categories` needs a universe that is found by `discovery` or in `secmaster`: symbols"
            " that are named one by one have no category"
        )
    wanted = {word.casefold() for word in part.filters.categories}
    if strangers := sorted(wanted - owners.keys()):
        raise ValueError(
            f"the universe wants the category `{strangers[0]}`, which is in no division"
        )
    for division, words in categories.items():
        if wanted and not _both(part.filters.categories, words):
            raise ValueError(
                f"the universe wants none of the categories of the division `{division}`"
            )


def narrowed(
    universe: Universe, words: Iterable[str], categories: Mapping[str, tuple[str, ...]]
) -> Universe:
    """The same universe without what is in other categories than these.

    Args:
        universe: One that is found, and not named; see `check`.
        words: The venue's categories that are left.
        categories: Those of every division.
    """
    part = _asked(universe)
    assert part is not None  # noqa: S101 - checked when the feed was made
    own = part.filters.categories
    filters = msgspec.structs.replace(
        part.filters, categories=_both(own, words) if own else tuple(words)
    )
    left = msgspec.structs.replace(part, filters=filters)
    if isinstance(left, Discovery):
        every = tuple(word for each in categories.values() for word in each)
        left = msgspec.structs.replace(left, among=own or every)
    return msgspec.structs.replace(universe, **{universe.source: left})


def _asked(universe: Universe) -> Discovery | Master | None:
    """The section that says which instruments are wanted; None when they are named."""
    return universe.discovery or universe.secmaster


def _both(first: Iterable[str], second: Iterable[str]) -> tuple[str, ...]:
    """What is in both, whatever its case."""
    known = {word.casefold() for word in second}
    return tuple(word for word in first if word.casefold() in known)
