"""Read another service's metrics, as Prometheus would."""

from collections.abc import Container, Mapping
from typing import Final

import aiohttp
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from ssmd.model.errors import Unavailable

_TIMEOUT: Final = aiohttp.ClientTimeout(total=5)


class Stranger(Unavailable):
    """Somebody answers there who is no service of ours."""


class Readiness(msgspec.Struct, frozen=True):
    """The answer of `/ready`.

    Attributes:
        reasons: Why the service is not ready, a sentence each; empty when it is.
        warnings: What will go wrong before long, a sentence each.
    """

    reasons: list[str]
    warnings: list[str] = []


class Samples:
    """One reading of a service's metrics."""

    def __init__(self, values: Mapping[str, list[tuple[Mapping[str, str], float]]]) -> None:
        self._values = values

    def total(self, name: str, **labels: str) -> float:
        """The sum over all series of `name` that carry these labels; 0 when there is none."""
        return sum(
            value
            for series, value in self._values.get(name, [])
            if all(series.get(key) == wanted for key, wanted in labels.items())
        )

    def by(self, label: str, name: str, **labels: str) -> dict[str, float]:
        """The sums over the series of `name` that carry these labels, by another label."""
        found: dict[str, float] = {}
        for series, value in self._values.get(name, []):
            if all(series.get(key) == wanted for key, wanted in labels.items()):
                key = series.get(label, "")
                found[key] = found.get(key, 0.0) + value
        return found

    def has(self, name: str) -> bool:
        """Whether there is any series of `name`."""
        return bool(self._values.get(name))


async def scrape(address: str, only: Container[str] | None = None) -> Samples:
    """Fetch `{address}/metrics`.

    Args:
        address: Base URL of the service's health server.
        only: Names of the series that are wanted; the others are passed over, which is several
            times cheaper than reading them. None takes all.

    Raises:
        Unavailable: Nobody answers there.
    """
    text = await _fetch(f"{address}/metrics")
    if only is not None:
        text = "".join(f"{line}\n" for line in text.splitlines() if _name(line) in only)
    values: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            values.setdefault(sample.name, []).append((sample.labels, sample.value))
    return Samples(values)


async def complaints_of(address: str) -> list[str]:
    """Why the service at `address` is not ready or will not be before long, a sentence each.

    Raises:
        Unavailable: Nobody answers there.
    """
    answer = await readiness(address)
    return [*answer.reasons, *answer.warnings]


async def readiness(address: str) -> Readiness:
    """What the service at `address` says of itself.

    Raises:
        Unavailable: Nobody answers there.
        Stranger: Somebody else does.
    """
    text = await _fetch(f"{address}/ready")
    try:
        return msgspec.json.decode(text, type=Readiness)
    except msgspec.MsgspecError as error:
        message = f"What answers at {address}/ready is no service of ours: {text[:100]!r}."
        raise Stranger(message, remedy="Check which process listens there.") from error


async def _fetch(url: str) -> str:
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.get(url) as answer,
        ):
            return await answer.text()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        message = f"No answer at {url}: {error}."
        raise Unavailable(message, remedy="Check that the service is running.") from error


def _name(line: str) -> str:
    """The series that a line of a metrics page belongs to; of a comment, what is no name."""
    return line.partition("{")[0].partition(" ")[0]
