"""A process that opens the database of a folder, says so, and keeps it until it is told to end.

`python -m tests.secmaster.opening FOLDER NAME`: prints `started` or `attached`, then reads lines; `write`
adds a row, `end` ends it.
"""

import asyncio
import sys
from pathlib import Path

from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.database import open_database
from ssmd.secmaster.embedded import EmbeddedPostgres


def say(word: str) -> None:
    """Tell who started us."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def main(folder: Path, name: str) -> None:
    """Open, obey, close."""
    before = EmbeddedPostgres(folder, SystemClock()).serving()
    async with open_database(None, folder, SystemClock(), environ={}) as database:
        say("attached" if before else "open")
        while (line := (await asyncio.to_thread(sys.stdin.readline)).strip()) not in ("", "end"):
            async with database.writing("test", name) as session:
                values = (name, line)
                await session.execute(
                    "INSERT INTO activity (venue, symbol) VALUES (%s, %s)", values
                )
            say("written")
    say("closed")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
