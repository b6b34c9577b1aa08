"""The rules of the house that no linter knows, each a function of a file's path and text.

A check gives complaints, one sentence each; none means the file keeps the rule. Being functions of
text, they can be fed a bad sample, and `test_house.py` does so for every one of them.
"""

import ast
import re
from collections.abc import Callable, Iterator
from typing import Final

MAX_LINES: Final = 400

_CLOCK: Final = "src/ssmd/runtime/clock.py"
_LAYOUT: Final = "src/ssmd/archive/layout.py"
_TIMES: Final = frozenset(
    {
        "asyncio.sleep",
        "datetime.date.today",
        "datetime.datetime.now",
        "datetime.datetime.today",
        "datetime.datetime.utcnow",
    }
)
_EXITS: Final = frozenset(
    {"os._exit", "os.abort", "sys.exit"} | {f"builtins.{n}" for n in ("exit", "quit", "SystemExit")}
)
_ARCHIVE_WORDS: Final = ("raw/", "tables/", "feed=", "date=", ".jsonl.zst", ".manifest.json")
OF_OURS: Final[frozenset[object]] = frozenset(
    {
        "ssmd.model.records.decode_connection",
        "ssmd.model.records.decode_ledger",
        "ssmd.bus.codec.decode",  # gives an envelope, its payload unread
        ("src/ssmd/secmaster/changes/reading.py", "decode_change"),
        "ssmd.secmaster.fold.decode",
        ("src/ssmd/bus/link.py", "msgspec.json.decode"),  # the bus's own answers
        ("src/ssmd/archive/contents.py", "_payload.decode"),  # positions in `_commit` lines
    }
)
"""Decoders of what we wrote ourselves, and where they may be used when their name says little."""
_NAMELESS: Final = frozenset({"base", "common", "helpers", "misc", "util", "utils"})
_MACHINE: Final = re.compile(r"/(?:home|Users)/\w+|(?<![\w.])/roo[t]/")
_REGISTRY: Final = re.compile(
    r"--(?:extra-)?index-url|[\"']?resolved[\"']?\s*[:=]\s*[\"']?http|registry\s*=\s*[\"']?http"
    r"|pypi\.(?:org|python)|files\.python" + "hosted"
)
_UNFINISHED: Final = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error")))


def _imports(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Every import: its line, the name it gives in the module, and what that stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.asname or alias.name, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield node.lineno, alias.asname or alias.name, f"{node.module}.{alias.name}"


def _dotted(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every name a module speaks of, imports undone: `d.now` is `datetime.datetime.now`.

    What is not imported is a built-in as far as we know: a local variable `time` is no clock.
    """
    origin: dict[str, str] = {}
    for line, local, name in _imports(tree):
        origin[local] = name
        yield line, name
        if local == name:  # `import a.b` gives the name `a`
            origin[name.partition(".")[0]] = name.partition(".")[0]
    for node in ast.walk(tree):
        parts: list[str] = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name) and isinstance(node, ast.Attribute | ast.Name):
            root = origin.get(inner.id, f"builtins.{inner.id}")
            yield node.lineno, ".".join([root, *reversed(parts)])


def _docstrings(tree: ast.Module) -> set[int]:
    """Identities of the constants that are documentation (those under a field included)."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def is_too_long(path: str, text: str) -> list[str]:
    """One concept per file."""
    lines = len(text.splitlines())
    return [f"{path} has {lines} lines, over {MAX_LINES}"] if lines > MAX_LINES else []


def is_nameless(path: str, text: str) -> list[str]:
    """A file called utils is a file nobody named."""
    name = path.rpartition("/")[2].removesuffix(".py")
    return [f"{path} has a name that says nothing"] if name in _NAMELESS else []


def names_a_venue(path: str, text: str, venues: frozenset[str]) -> list[str]:
    """A venue is named in its own folder only: code, strings and comments alike.

    Args:
        path: The file.
        text: Its content.
        venues: The folders' names, `_` between words.
    """
    if any(path.startswith(f"src/ssmd/venues/{venue}/") for venue in venues):
        own = path.split("/")[3]
        venues = frozenset(venue for venue in venues if not own.startswith(venue) and venue != own)
    words = {venue: re.compile(venue.replace("_", "[-_ ]?"), re.IGNORECASE) for venue in venues}
    return [
        f"{path}:{number} names the venue {venue}"
        for number, line in enumerate([path, *text.splitlines()])
        for venue, word in words.items()
        if word.search(line)
    ]


def reads_the_clock(path: str, text: str) -> list[str]:
    """Time comes from `runtime/clock.py` alone."""
    if path == _CLOCK:
        return []
    return [
        f"{path}:{line} uses {name}: take a Clock"
        for line, name in _dotted(ast.parse(text))
        if name in _TIMES or name == "time" or name.startswith("time.")
    ]


def exits(path: str, text: str) -> list[str]:
    """Only the command line ends the process."""
    if path.startswith("src/ssmd/cli/"):
        return []
    return [
        f"{path}:{line} uses {name}: raise an SsmdError"
        for line, name in _dotted(ast.parse(text))
        if name in _EXITS
    ]


def builds_archive_paths(path: str, text: str) -> list[str]:
    """Only `archive/layout.py` knows how a file of the archive is called."""
    if path == _LAYOUT:
        return []
    tree = ast.parse(text)
    documentation = _docstrings(tree)
    return [
        f"{path}:{node.lineno} holds {word!r}: ask archive.layout"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in documentation
        for word in _ARCHIVE_WORDS
        if word in node.value
    ]


def parses_a_payload(path: str, text: str, ours: frozenset[object] = OF_OURS) -> list[str]:
    """What a venue said is read by its own folder: everyone else asks for `rows()`.

    Any call that decodes something mentioning `.payload`, or a name bound to it, by whatever name
    the decoder goes; `payload.decode()`, bytes as text, is none.

    Args:
        path: The file.
        text: Its content.
        ours: What may be used all the same, as `OF_OURS` says.
    """
    if path.startswith("src/ssmd/venues/") or ".payload" not in text:
        return []
    tree = ast.parse(text)
    origin = {local: name for _, local, name in _imports(tree)}
    decoders = set(
        _bound(tree, lambda value: isinstance(value, ast.Attribute) and _decodes(value.attr))
    )
    payloads = set(_bound(tree, _mentions_a_payload))

    def is_foreign(argument: ast.expr) -> bool:
        return _mentions_a_payload(argument) or any(
            isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in payloads
            for node in ast.walk(argument)
        )

    complaints = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        top, dot, rest = called.partition(".")
        name = f"{origin.get(top, top)}{dot}{rest}"
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        if (
            (called in decoders or _decodes(name.rpartition(".")[2]))
            and not {name, (path, name)} & ours
            and any(map(is_foreign, arguments))
        ):
            complaints.append(
                f"{path}:{node.lineno} {called} reads a payload: ask the venue's rows()"
            )
    return complaints


def _decodes(name: str) -> bool:
    return "decode" in name.lower() or name.endswith("loads")


def _mentions_a_payload(node: ast.AST) -> bool:
    return any(
        isinstance(each, ast.Attribute) and each.attr == "payload" for each in ast.walk(node)
    )


def _bound(tree: ast.Module, wanted: Callable[[ast.expr], bool]) -> Iterator[str]:
    """Names and attributes that are given a value of some kind, anywhere in a module."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value) if wanted(value):
                yield from map(ast.unparse, targets)
            case ast.AnnAssign(target=target, value=ast.expr() as value) if wanted(value):
                yield ast.unparse(target)
            case ast.NamedExpr(target=target, value=value) if wanted(value):
                yield target.id


def lacks_a_docstring(path: str, text: str) -> list[str]:
    """Every module says what it is for."""
    return [] if ast.get_docstring(ast.parse(text)) else [f"{path} has no docstring"]


def tests_without_a_reason(path: str, text: str) -> list[str]:
    """A test's name is the promise, its docstring the reason."""
    return [
        f"{path}:{node.lineno} {node.name} has no docstring"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]


def names_this_machine(path: str, text: str) -> list[str]:
    """Nothing knows where it was written."""
    return [f"{path} names a place on a machine: {hit}" for hit in _MACHINE.findall(text)]


def names_a_registry(path: str, text: str) -> list[str]:
    """Where packages come from is pip's own configuration."""
    return [f"{path} names a package registry: {hit}" for hit in _REGISTRY.findall(text)]


def is_unfinished(path: str, text: str) -> list[str]:
    """What is not done is said in an issue, not left in the code."""
    return [f"{path} is unfinished: {hit}" for hit in _UNFINISHED.findall(text)]


def skips_quietly(path: str, text: str) -> list[str]:
    """A test skips for what its machine lacks, which the summary says aloud; never for good."""
    banned = {"mark.skip", "mark.xfail", "xfail", "importorskip"}
    return [
        f"{path}:{line} uses {name}"
        for line, name in _dotted(ast.parse(text))
        if name.removeprefix("pytest.") in banned and name.startswith("pytest.")
    ]


def is_recorded_data(path: str, text: str) -> list[str]:
    """Recordings carry no licence: they stay beside the repository."""
    if re.search(r"(^|/)(shared/|capture-[^/]*\.jsonl)", path):
        return [f"{path} looks like a recording"]
    return []


def quotes(path: str, text: str, frames: frozenset[str]) -> list[str]:
    """No file holds a recorded frame.

    Args:
        path: The file.
        text: Its content.
        frames: Long frames of the recordings, verbatim.
    """
    return [f"{path} holds a recorded frame: {frame[:60]}" for frame in frames if frame in text]


def unlocked(path: str, text: str) -> list[str]:
    """Every line of a lock is one exact version with its digests."""
    entries = re.split(
        r"\n(?=[a-z0-9])", re.sub(r"(?m)^ *#.*\n?", "", text).strip(), flags=re.IGNORECASE
    )
    return [
        f"{path}: {entry.splitlines()[0]} is not pinned with a hash"
        for entry in entries
        if not re.match(r"[\w.-]+==\S+ .*?--hash=sha256:[0-9a-f]{64}", entry, re.DOTALL)
    ]


def rooms_in_text(architecture: str) -> list[str]:
    """The rooms ARCHITECTURE.md describes: the first column of its table, in order."""
    return re.findall(r"(?m)^\| `([a-z]+)/` \|", architecture)


def rooms_in_layers(layers: list[str]) -> list[str]:
    """The rooms the import contract declares, from the top down."""
    return [room.strip() for layer in layers for room in re.split(r"[|:]", layer)]


def arrows_in_text(architecture: str) -> list[str]:
    """The layers as ARCHITECTURE.md draws them, from the top down."""
    block = re.search(r"(?s)```arrows\n(.*?)```", architecture)
    return [line.strip() for line in block[1].splitlines()] if block else []


def targets(makefile: str, mark: str) -> list[str]:
    """The targets of a Makefile whose help text is marked so."""
    return re.findall(rf"(?m)^([a-z]+):.*{re.escape(mark)} ", makefile)
