"""Writes `deploy/observability` from the registry of metrics; a test sees that it is current.

python -m scripts.observability
"""

from pathlib import Path
from typing import Final

from scripts.observe import rules
from scripts.observe.boards import BOARDS
from scripts.observe.catalog import catalog

FOLDER: Final = Path(__file__).parent.parent / "deploy" / "observability"
"""Where it is written."""


def files() -> dict[str, str]:
    """Every file that is made, by its path from `FOLDER`."""
    known = catalog()
    made = {f"rules/{name}": text for name, text in rules.rule_files().items()}
    made |= {f"tests/{name}": text for name, text in rules.test_files(known).items()}
    return made | {f"dashboards/{board.uid}.json": board.written() for board in BOARDS}


def main() -> None:
    """Write them all."""
    for name, text in files().items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
