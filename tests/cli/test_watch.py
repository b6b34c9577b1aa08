"""What a person is told while the pipeline runs."""

import pytest

from ssmd.cli.output import Output
from ssmd.cli.watch import Reading, Watch


def shown(capsys: pytest.CaptureFixture[str], *readings: Reading, line_s: float = 0.0) -> list[str]:
    """The lines of a watch that sees these readings."""
    with Watch(Output(), lambda: "recording", line_s=line_s) as watch:
        for reading in readings:
            watch.show(reading)
    return capsys.readouterr().err.splitlines()


def test_a_complaint_that_lasts_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A start is full of passing ones; one that stays is news, and then no more."""
    readings = [
        Reading(mono=0, complaints=("archiver: starting",)),
        *(Reading(mono=at, complaints=(f"connector: {at} MiB free",)) for at in range(1, 5)),
        Reading(mono=5),
        *(Reading(mono=at, complaints=(f"connector: {at} MiB free",)) for at in range(6, 8)),
    ]
    lines = shown(capsys, *readings, line_s=100.0)
    assert lines[1:] == ["connector: 2 MiB free", "connector: 7 MiB free"]


def test_the_rate_is_of_late_and_survives_a_restart(capsys: pytest.CaptureFixture[str]) -> None:
    """A killed connector counts from 0 again: the rate must not become nonsense."""
    lines = shown(
        capsys,
        Reading(mono=0.0, frames=1000),
        Reading(mono=1.0, frames=2000),
        Reading(mono=2.0, frames=10),
        Reading(mono=3.0, frames=510),
    )
    assert [line.split(", ")[1] for line in lines] == ["0/s", "1000/s", "0/s", "500/s"]


def test_services_that_do_not_answer_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A figure that stands still because its service is gone must not look like quiet."""
    (line,) = shown(capsys, Reading(mono=0, away=("archiver",)))
    assert line.endswith("down: archiver")
