"""Reads the spec of a resource strictly: what the API server let through is judged again. Pure."""

from collections.abc import Mapping
from typing import Any, Literal, overload

from ssmd.operator.names import Kind
from ssmd.operator.spec.api import ApiSpec
from ssmd.operator.spec.archiver import ArchiverSpec
from ssmd.operator.spec.connector import ConnectorSpec
from ssmd.operator.spec.kinds import SPECS
from ssmd.operator.spec.schedules import QualityCheckSpec, SecmasterSyncSpec
from ssmd.operator.spec.workload import Workload
from ssmd.runtime import settings


@overload
def parse(
    kind: Literal["Connector"], spec: Mapping[str, Any], *, where: str = ""
) -> ConnectorSpec: ...
@overload
def parse(
    kind: Literal["Archiver"], spec: Mapping[str, Any], *, where: str = ""
) -> ArchiverSpec: ...
@overload
def parse(
    kind: Literal["SecmasterSync"], spec: Mapping[str, Any], *, where: str = ""
) -> SecmasterSyncSpec: ...
@overload
def parse(
    kind: Literal["QualityCheck"], spec: Mapping[str, Any], *, where: str = ""
) -> QualityCheckSpec: ...
@overload
def parse(kind: Literal["Api"], spec: Mapping[str, Any], *, where: str = "") -> ApiSpec: ...
@overload
def parse(kind: Kind, spec: Mapping[str, Any], *, where: str = "") -> Workload: ...


def parse(kind: Kind, spec: Mapping[str, Any], *, where: str = "") -> Workload:
    """The typed spec of a resource.

    A null is a field left out, and a whole number may stand for an amount: as the API server has
    it.

    Args:
        kind: The resource's kind.
        spec: What stands under `spec`.
        where: What messages call it; the kind when empty.

    Raises:
        ConfigError: It is not acceptable: the path inside, and the nearest valid key.
    """
    return settings.convert(
        _amounts(_without_nulls(spec)),
        SPECS[kind],
        where=f"{where or kind} spec",
        remedy=f"Correct the value; `kubectl explain {kind.lower()}.spec` says what may stand.",
    )


def _without_nulls(value: object) -> Any:  # noqa: ANN401 - a tree of plain values
    """The tree with nulls left out of its maps."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


def _amounts(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec with amounts as text: `cpu: 2` is `cpu: "2"`."""
    resources = spec.get("resources")
    if not isinstance(resources, dict):
        return spec
    return spec | {"resources": {key: _texts(each) for key, each in resources.items()}}


def _texts(amounts: object) -> object:
    if not isinstance(amounts, dict):
        return amounts
    return {key: str(each) if isinstance(each, int) else each for key, each in amounts.items()}
