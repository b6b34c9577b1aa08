"""A Dockerfile as its instructions, and its build context as its ignore file leaves it. For tests."""

import fnmatch
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tests.shared import REPOSITORY

FILE = REPOSITORY / "deploy" / "docker" / "Dockerfile"
IGNORED = FILE.with_name("Dockerfile.dockerignore")


class Step(msgspec.Struct, frozen=True):
    """An instruction.

    Attributes:
        word: `RUN`, `COPY`, ...
        rest: What follows it, its lines joined.
    """

    word: str
    rest: str


class Stage(msgspec.Struct):
    """What one FROM begins.

    Attributes:
        base: The image.
        name: What other stages call it.
        steps: Its instructions.
    """

    base: str
    name: str
    steps: list[Step]

    def all(self, word: str) -> list[str]:
        """What follows an instruction, wherever it stands."""
        return [step.rest for step in self.steps if step.word == word]

    def variables(self, values: dict[str, str]) -> dict[str, str]:
        """The environment that it sets, given the one it begins with."""
        found = dict(values)
        for rest in self.all("ENV"):
            for word in shlex.split(rest):
                name, _, value = word.partition("=")
                found[name] = re.sub(r"\$\{(\w+)\}", lambda match: found.get(match[1], ""), value)
        return found


def steps(text: str) -> Iterator[Step]:
    """The instructions of a Dockerfile."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield Step(word, rest.strip())


def stages(text: str) -> tuple[list[Step], list[Stage]]:
    """What stands before the first FROM, and the stages."""
    before: list[Step] = []
    found: list[Stage] = []
    for step in steps(text):
        if step.word == "FROM":
            base, _, name = step.rest.partition(" AS ")
            found.append(Stage(base, name, []))
        else:
            (found[-1].steps if found else before).append(step)
    return before, found


def words(rest: str) -> list[str]:
    """The words of an instruction in the form of a list."""
    found: list[str] = json.loads(rest)
    return found


def context(into: Path) -> list[str]:
    """Copy what a build is given, and name it."""
    lines = IGNORED.read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*"
    wanted = [each[1:] for each in patterns if each.startswith("!")]
    never = [each.removeprefix("**/") for each in patterns if each.startswith("**/")]
    assert len(wanted) + len(never) + 1 == len(patterns), "a pattern this reader does not know"

    def left_out(_folder: str, names: list[str]) -> list[str]:
        return [name for name in names if any(fnmatch.fnmatch(name, each) for each in never)]

    for name in wanted:
        source, target = REPOSITORY / name, into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=left_out)
        else:
            shutil.copy2(source, target)
    return wanted
