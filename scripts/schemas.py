"""Writes `docs/reference/schemas/KIND.schema.json` for editors; a test sees that they are current.

python scripts/schemas.py
"""

import json
from pathlib import Path
from typing import Final

from ssmd.feeds.schema import FILES, schema

FOLDER: Final = Path(__file__).parent.parent / "docs" / "reference" / "schemas"


def text(kind: str) -> str:
    """The file of one kind."""
    return json.dumps(schema(kind), indent=2, ensure_ascii=False) + "\n"


def path(kind: str) -> Path:
    """Where it stands."""
    return FOLDER / f"{kind}.schema.json"


def main() -> None:
    """Write them all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for kind in FILES:
        path(kind).write_text(text(kind), encoding="utf-8")


if __name__ == "__main__":
    main()
