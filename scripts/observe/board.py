"""How a dashboard of Grafana is made of what somebody wants to see."""

import json
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

Kind = Literal["timeseries", "stat", "table"]
Unit = Literal["short", "s", "bytes", "percentunit", "reqps", "Bps", "bool", "dateTimeFromNow"]
"""Grafana's own names of units."""

_SCHEMA: Final = 38
"""Of Grafana 10; later ones read it."""
_WIDTH: Final = 24
_HEIGHTS: Final[dict[Kind, int]] = {"timeseries": 8, "stat": 5, "table": 9}
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


class Panel(msgspec.Struct, frozen=True):
    """One picture.

    Attributes:
        title: What it shows.
        queries: Expressions, each with the words of its legend.
        unit: Of its values.
        kind: How it looks.
        text: What a reader should know of it.
    """

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: Unit = "short"
    kind: Kind = "timeseries"
    text: str = ""


class Row(msgspec.Struct, frozen=True):
    """Panels beside each other, under a heading.

    Attributes:
        title: The heading.
        panels: At most six.
    """

    title: str
    panels: tuple[Panel, ...]


class Board(msgspec.Struct, frozen=True):
    """One dashboard.

    Attributes:
        uid: Its id, also of its file.
        title: Its name.
        variables: What a reader can choose besides the source: a label, and the metric that has
            all its values.
        rows: What it shows.
    """

    uid: str
    title: str
    variables: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]

    def expressions(self) -> Iterator[str]:
        """Every expression in it, with `$` for what the reader chooses."""
        for row in self.rows:
            for panel in row.panels:
                yield from (expression for expression, _ in panel.queries)

    def written(self) -> str:
        """Its JSON, as Grafana imports it."""
        made = {
            "uid": self.uid,
            "title": self.title,
            "tags": ["ssmd"],
            "description": "Made by `.venv/bin/python -m scripts.observability`.",
            "schemaVersion": _SCHEMA,
            "version": 1,
            "editable": True,
            "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"},
            "timezone": "utc",
            "links": [_LINK],
            "templating": {"list": [_DATASOURCE, *(_variable(*each) for each in self.variables)]},
            "annotations": {"list": [_ALERTS]},
            "panels": list(self._panels()),
        }
        return json.dumps(made, indent=1) + "\n"

    def _panels(self) -> Iterator[dict[str, object]]:
        number = top = 0
        for row in self.rows:
            number += 1
            place = {"x": 0, "y": top, "w": _WIDTH, "h": 1}
            yield {
                "id": number,
                "type": "row",
                "title": row.title,
                "gridPos": place,
                "collapsed": False,
                "panels": [],
            }
            top += 1
            width = _WIDTH // len(row.panels)
            height = max(_HEIGHTS[panel.kind] for panel in row.panels)
            for at, panel in enumerate(row.panels):
                number += 1
                place = {"x": at * width, "y": top, "w": width, "h": height}
                yield {"id": number, "gridPos": place, **_panel(panel)}
            top += height


_LINK: Final = {
    "type": "dashboards",
    "title": "SSMD",
    "tags": ["ssmd"],
    "asDropdown": True,
    "includeVars": True,
    "keepTime": True,
}
_DATASOURCE: Final = {
    "name": "datasource",
    "type": "datasource",
    "query": "prometheus",
    "label": "source",
    "hide": 0,
}
_ALERTS: Final = {
    "name": "critical alerts",
    "datasource": _SOURCE,
    "enable": True,
    "iconColor": "red",
    "expr": 'ALERTS{alertname=~"Ssmd.*",alertstate="firing",severity="critical"}',
    "titleFormat": "{{alertname}}",
}


def _variable(label: str, metric: str) -> dict[str, object]:
    query = f"label_values({metric}, {label})"
    return {
        "name": label,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": label},
        "definition": query,
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
        "sort": 1,
        "hide": 0,
    }


def _panel(panel: Panel) -> dict[str, object]:
    instant = panel.kind != "timeseries"
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "options": _OPTIONS[panel.kind],
        "targets": [
            {
                "refId": chr(ord("A") + at),
                "datasource": _SOURCE,
                "expr": expression,
                "legendFormat": legend,
                "instant": instant,
                "range": not instant,
                "format": "table" if panel.kind == "table" else "time_series",
            }
            for at, (expression, legend) in enumerate(panel.queries)
        ],
    }


_OPTIONS: Final[dict[Kind, dict[str, object]]] = {
    "timeseries": {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "none",
        "textMode": "auto",
    },
    "table": {"showHeader": True},
}
