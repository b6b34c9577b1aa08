"""Pieces of made-up venues."""

from collections.abc import Sequence

from ssmd.model.rest import Catalog, CatalogQuery, ReferenceQuery, Rest, Saved


def no_rest() -> Rest:
    """A venue with nothing to ask."""

    def nothing(query: CatalogQuery | ReferenceQuery | Sequence[Saved]) -> Catalog:
        yield from ()

    return Rest(
        services={},
        complaint=lambda _: None,
        catalog=nothing,
        witness=lambda *_: None,
        reference=nothing,
        saved=nothing,
    )
