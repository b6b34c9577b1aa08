"""Dead code, as vulture finds it, less what only looks dead.

The fields of a msgspec Struct or a pydantic model are read by a decoder or written for a reader outside, and members of
an enumeration are a closed set of somebody's words: neither is dead for want of a mention. But a
*setting* nobody reads is a promise nobody keeps, so the knobs of a running service are not excused
(feed.yaml and env.yaml as a whole are: their model is complete before all of its readers are). Names called by a library from outside are in `[tool.vulture]`.
"""

import ast
import sys
from pathlib import Path
from typing import Final

from vulture import Vulture
from vulture.config import make_config

ROOT: Final = Path(__file__).parent.parent
SHAPES: Final = frozenset(
    {"Struct", "IntEnum", "StrEnum", "Enum", "NamedTuple", "TypedDict", "BaseModel"}
)
KNOBS: Final = frozenset({"settings.py", "capture.py", "archiver.py"})


def shapes(trees: dict[Path, ast.Module]) -> dict[Path, set[int]]:
    """The lines of fields that are somebody's wire format, by file."""
    classes = [
        (path, node)
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    ]
    known = set(SHAPES)
    while True:
        found = {
            node.name
            for _, node in classes
            for base in node.bases
            if ast.unparse(base).rpartition(".")[2] in known
        }
        if found <= known:
            break
        known |= found
    fields: dict[Path, set[int]] = {}
    for path, node in classes:
        if node.name in known and path.name not in KNOBS:
            fields.setdefault(path, set()).update(
                each.lineno for each in node.body if isinstance(each, ast.AnnAssign | ast.Assign)
            )
    return fields


def main() -> int:
    """Print what is dead, one line each; 0 when nothing is."""
    config = make_config([])
    vulture = Vulture(
        ignore_names=config["ignore_names"], ignore_decorators=config["ignore_decorators"]
    )
    paths = [ROOT / path for path in config["paths"] if (ROOT / path).is_dir()]
    vulture.scavenge(paths)
    files = [file for path in paths for file in path.rglob("*.py")]
    excused = shapes({file: ast.parse(file.read_text(encoding="utf-8")) for file in files})
    dead = [
        item
        for item in vulture.get_unused_code(min_confidence=config["min_confidence"])
        if item.first_lineno not in excused.get(Path(item.filename), set())
    ]
    for item in dead:
        print(item.get_report().removeprefix(f"{ROOT}/"))
    return 1 if dead else 0


if __name__ == "__main__":
    sys.exit(main())
