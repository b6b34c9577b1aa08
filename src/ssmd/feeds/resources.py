"""What a container is given, as Kubernetes writes it. Pure."""

import re
from decimal import Decimal
from typing import Annotated, Final

from msgspec import Meta, field

from ssmd.feeds.values import Section
from ssmd.runtime.unknown import did_you_mean

Amount = (
    Annotated[
        str,
        Meta(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$", max_length=32),
    ]
    | Annotated[int, Meta(ge=0, le=1 << 53)]
    | Annotated[float, Meta(ge=0, le=1 << 53)]
)
"""A number with one of Kubernetes' suffixes: `500m`, `1.5`, `256Mi`, `2`."""

_KINDS: Final = ("cpu", "memory", "ephemeral-storage")
_EXTENDED: Final = re.compile(r"hugepages-[0-9]+[KMG]i|[a-z0-9.-]+/[A-Za-z0-9._-]+")
_STEPS: Final = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", 1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", 1)},
}
_LEAST_BYTES: Final = 1 << 20


class Resources(Section, frozen=True, kw_only=True):
    """What a container is given.

    Attributes:
        requests: What it is sure to have, by kind (`cpu`, `memory`, `ephemeral-storage`).
        limits: What it may have at most, by kind; not less than what it requests.
    """

    requests: dict[str, Amount] = field(default_factory=dict)
    limits: dict[str, Amount] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("requests", "limits"):
            for kind, amount in getattr(self, name).items():
                _check(f"{name}.{kind}", kind, amount)
        for kind, amount in self.requests.items():
            most = self.limits.get(kind)
            if most is not None and quantity(amount) > quantity(most):
                raise ValueError(f"requests.{kind} {amount} is more than limits.{kind} {most}")

    def plain(self) -> dict[str, dict[str, str]]:
        """As a container of Kubernetes has it: text, and nothing that is empty."""
        found = {"requests": self.requests, "limits": self.limits}
        return {
            name: {kind: str(amount) for kind, amount in values.items()}
            for name, values in found.items()
            if values
        }


def quantity(amount: str | float) -> Decimal:
    """An amount as a number: of cores, or of bytes."""
    text = str(amount)
    number = text.rstrip("mkMGTPEKi")
    return Decimal(number) * _STEPS[text[len(number) :]]


def _check(place: str, kind: str, amount: str | float) -> None:
    if kind not in _KINDS and not _EXTENDED.fullmatch(kind):
        raise ValueError(
            f"`{place}`: there is no kind of resource {kind!r}.{did_you_mean(kind, _KINDS)}".rstrip(
                "?"
            )
        )
    if kind != "cpu" and kind in _KINDS and quantity(amount) < _LEAST_BYTES:
        raise ValueError(
            f"`{place}` is {quantity(amount).normalize():f} bytes: {amount} is hardly meant, write"
            " 128Mi for 128 MiB"
        )
