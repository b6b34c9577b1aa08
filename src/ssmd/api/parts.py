"""Every subject's routes, in the order of the document."""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter

from ssmd.api.routes import health

PARTS: Final[Sequence[APIRouter]] = (health.router,)
"""The routers of an application."""
