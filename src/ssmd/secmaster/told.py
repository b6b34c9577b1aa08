"""Rows of the security master for programs: nothing rounded, nothing endless."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from ssmd.model.exact import spelled
from ssmd.secmaster.columns import TABLES
from ssmd.secmaster.times import written

_JSON: Final = frozenset(
    name for table in TABLES.values() for name, kind in table.types.items() if kind == "jsonb"
)


def told(row: Mapping[str, Any]) -> dict[str, object]:
    """A row for a program: numbers as exact texts, times as RFC 3339; `instrument` added."""
    made = {name: _told(name, value) for name, value in row.items() if name != "told_from"}
    if "venue" in row and "symbol" in row:
        made = {"instrument": f"{row['venue']}:{row['symbol']}", **made}
    return made


def _told(name: str, value: object) -> object:
    match value:
        case datetime():
            return written(value)
        case str() if name in _JSON:
            return spelled(json.loads(value, parse_float=Decimal))
        case tuple() | list():
            return [_told(name, each) for each in value]
        case Mapping():
            return {key: _told(str(key), each) for key, each in value.items()}
    return spelled(value)
