"""Pieces of made-up venues."""

from ssmd.model.rest import Catalog, CatalogQuery, Rest


def no_rest() -> Rest:
    """A venue with nothing to ask."""

    def nothing(query: CatalogQuery) -> Catalog:
        yield from ()

    return Rest(services={}, complaint=lambda _: None, catalog=nothing, witness=lambda *_: None)
