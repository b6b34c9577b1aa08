"""What is not well of all resources, as the gauge of the operator counts it."""

from ssmd.operator import telemetry
from ssmd.operator.index import Index, Key
from ssmd.operator.service import troubles
from ssmd.operator.spec.status import CONDITIONS
from ssmd.runtime import operator_metrics as metrics


def resource(**conditions: str) -> dict[str, object]:
    """A resource that says this of itself."""
    told = [{"type": kind, "status": word, "reason": "X"} for kind, word in conditions.items()]
    return {"status": {"conditions": told}}


def test_what_is_not_as_it_should_be_is_counted_by_condition() -> None:
    """A new resource, an unknown answer and a take-over are no trouble; a deleted one leaves."""
    assert troubles({}) == []
    assert troubles(resource(Ready="Unknown", Progressing="True", Lagging="False")) == []
    bad = troubles(resource(Ready="False", Lagging="True", Connected="True"))
    assert bad == ["Ready", "Lagging"]
    index = Index()
    keys = [Key("Connector", "n", name) for name in "ab"]
    for key in keys:
        index.know(key)
        index.tells(key, bad)
    index.tells(Key("Archiver", "n", "c"), ["Ready"])
    assert index.troubled("Connector") == {"Ready": 2, "Lagging": 2}
    index.forget(keys[0])
    index.tells(keys[1], [])
    assert index.troubled("Connector") == {}
    assert index.troubled("Archiver") == {"Ready": 1}


def test_every_series_of_the_gauge_exists_at_zero() -> None:
    """An alert on what was never said would look like peace; a take-over is in none."""
    telemetry.troubled("Connector", {"Ready": 3})
    found = {
        sample.labels["condition"]: sample.value
        for family in metrics.TROUBLED.collect()
        for sample in family.samples
        if sample.labels["kind"] == "Connector"
    }
    assert found == {kind: 3.0 * (kind == "Ready") for kind in CONDITIONS if kind != "Progressing"}
    telemetry.troubled("Connector", {})
