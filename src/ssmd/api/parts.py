"""Every subject's routes, in the order of the document."""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter

from ssmd.api.routes import (
    audit,
    data,
    data_more,
    datasets,
    health,
    keys,
    ledger,
    links,
    live,
    me,
    operations,
    operations_more,
    page,
    quality,
    secmaster,
)

PARTS: Final[Sequence[APIRouter]] = (
    health.router,
    datasets.router,
    data.router,
    data_more.router,
    ledger.router,
    live.router,
    quality.router,
    secmaster.router,
    links.router,
    keys.router,
    audit.router,
    me.router,
    operations.router,
    operations_more.router,
    page.router,
)
"""The routers of an application."""
