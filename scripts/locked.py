"""Prints a few requirements out of a lock, with their hashes, for `pip --require-hashes`.

python scripts/locked.py requirements/dev.txt hatchling packaging ...

So an image's wheel is built by just what this repository's lock names, and no second lock can differ.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path


def pick(lock: str, names: Sequence[str]) -> str:
    """The requirements of these names, as they stand in the lock.

    Raises:
        LookupError: The lock has none of that name.
    """
    blocks = re.split(r"\n(?=[A-Za-z0-9])", lock)
    found = {block.partition("==")[0]: block for block in blocks}
    missing = [name for name in names if name not in found]
    if missing:
        message = f"The lock has no {', '.join(missing)}."
        raise LookupError(message)
    return "".join(f"{found[name].rstrip()}\n" for name in names)


def main(arguments: list[str]) -> int:
    """Print them."""
    if len(arguments) <= 1:
        print("Usage: python scripts/locked.py LOCK NAME...", file=sys.stderr)
        return 2
    print(pick(Path(arguments[0]).read_text(encoding="utf-8"), arguments[1:]), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
