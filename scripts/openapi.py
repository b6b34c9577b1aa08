"""Writes `docs/reference/openapi.json` from the routes themselves; a test sees that it is current.

python -m scripts.openapi
"""

import json
from pathlib import Path
from typing import Any, Final

from ssmd.api.app import application
from ssmd.api.callers import NoKeys
from ssmd.api.context import Context
from ssmd.feeds.api import ApiConfig
from ssmd.runtime.clock import SystemClock

PAGE: Final = Path(__file__).parent.parent / "docs" / "reference" / "openapi.json"


def document() -> dict[str, Any]:
    """The OpenAPI document of an application."""
    context = Context(Path("nowhere"), ApiConfig(), SystemClock(), NoKeys())
    return application(context).openapi()


if __name__ == "__main__":
    PAGE.write_text(json.dumps(document(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
