"""Writes `docs/reference/metrics.md` from `ssmd.runtime.metrics`; a test sees that it is current.

python scripts/metrics_page.py
"""

import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from ssmd import runtime
from ssmd.runtime import metrics, words

PAGE: Final = Path(__file__).parent.parent / "docs" / "reference" / "metrics.md"
_SECTIONS: Final = {
    "ssmd_connector_": "Connector: sockets and sessions",
    "ssmd_backfill_": "Connector: what is asked of the past",
    "ssmd_spool_": "Connector: the spool",
    "ssmd_publisher_": "Connector: publishing to the bus",
    "ssmd_consumer_": "Archiver: consuming from the bus",
    "ssmd_archiver_": "Archiver: writing files",
    "ssmd_ledger_": "Archiver: the ledger",
    "ssmd_tables_": "Compactor: tables",
    "ssmd_archive_": "Compactor: uploads to an object store",
    "ssmd_secmaster_": "Security master: what is kept",
    "ssmd_cdc_": "Security master: changes onto the bus",
    "ssmd_universe_": "Connector: a universe that follows the security master",
    "ssmd_dq_": "Quality: the last verdict, left in a file",
    "ssmd_": "Every service",
}
_INTRODUCTION: Final = """\
# Metrics

Made from `src/ssmd/runtime/metrics.py` and `*_metrics.py` beside it by `python scripts/metrics_page.py`; do not edit by hand.

Every service shows these at `/metrics` of its health server, in the text format of Prometheus. A
connector fills the first four sections, an archiver the next three, a compactor the next two, then come the
services of the security master. Series exist at zero from the start; only a verdict that was not given has none.
A label is never a symbol, an address or a message; `category` is empty when the feed has none, `shard`
is the shard's number, `message_type` one of the venue's types or ours (`_connection`, `_control`, ...).
A histogram has the usual `_bucket`, `_sum` and `_count`. The process's own CPU, memory and file
descriptors are there too, as `process_*`.
"""
_WORDS: Final = (
    ("`reason` of `ssmd_connector_shard_reconnects_total`", metrics.END_REASONS),
    ("`reason` of `ssmd_spool_declared_lost_total`", metrics.LOSS_REASONS),
    ("`rung` of `ssmd_spool_position`", metrics.RUNGS),
    ("`reason` of `ssmd_backfill_failures_total`", words.BACKFILL_FAILURES),
)


def sources() -> list[ModuleType]:
    """`metrics`, and every `*_metrics` beside it."""
    beside = sorted(
        module.name
        for module in pkgutil.iter_modules(runtime.__path__)
        if module.name.endswith("_metrics")
    )
    return [metrics, *(importlib.import_module(f"ssmd.runtime.{name}") for name in beside)]


def rows() -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """Name, kind, labels and meaning of every metric, in the order of the source."""
    for each in (value for source in sources() for value in vars(source).values()):
        if isinstance(each, Counter | Gauge | Histogram):
            (family,) = each.describe()
            total = "_total" if family.type == "counter" else ""
            yield (
                family.name + total,
                family.type,
                each._labelnames,  # noqa: SLF001 - the library shows them nowhere else
                family.documentation,
            )


def page() -> str:
    """The whole page."""
    sections: dict[str, list[str]] = {title: [] for title in _SECTIONS.values()}
    for name, kind, labels, meaning in rows():
        title = next(title for start, title in _SECTIONS.items() if name.startswith(start))
        shown = ", ".join(f"`{label}`" for label in labels)
        sections[title].append(f"| `{name}` | {kind} | {shown} | {meaning} |")
    words = [f"- {label}: {_listed(values)}." for label, values in _WORDS]
    return "\n".join(
        [
            _INTRODUCTION,
            *(_table(title, lines) for title, lines in sections.items()),
            "## Closed sets of words\n",
            *words,
            "",
        ]
    )


def _table(title: str, lines: Sequence[str]) -> str:
    head = "| name | kind | labels | meaning |\n|---|---|---|---|"
    return "\n".join([f"## {title}\n", head, *lines, ""])


def _listed(values: Sequence[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
