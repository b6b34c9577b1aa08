"""The Prometheus of the tests does what they rely on: it scrapes, remembers, and ends."""

from pathlib import Path

import psutil
import pytest

from ssmd.runtime import metrics
from ssmd.runtime.health import Health, serve
from tests.observability.server import program, promtool, running

DAY = 1_600_000_000
HISTORY = f"""\
# TYPE ssmd_told_total counter
ssmd_told_total{{feed="f"}} 10 {DAY}
ssmd_told_total{{feed="f"}} 40 {DAY + 60}
# EOF
"""


async def test_it_scrapes_a_service_and_knows_what_it_was_told(tmp_path: Path) -> None:
    """Everything above stands on this: what a service shows is what a query gives."""
    metrics.touch("watched", None, 7)
    address = await serve(Health(), "127.0.0.1", 0)
    try:
        async with running(tmp_path, targets=[address.url], history=HISTORY) as prometheus:

            async def scraped() -> bool:
                found = await prometheus.query('ssmd_connector_frames_total{feed="watched"}')
                return [(each["shard"], value) for each, value in found] == [("7", 0.0)]

            await prometheus.until(scraped, "the first scrape")
            assert set((await prometheus.targets()).values()) == {"up"}
            assert await prometheus.alerts() == {}
            told = await prometheus.query("ssmd_told_total", DAY + 60)
            assert told == [({"__name__": "ssmd_told_total", "feed": "f"}, 40.0)]
            assert await prometheus.query("ssmd_told_total") == []
            await address.close()

            async def noticed() -> bool:
                return set((await prometheus.targets()).values()) == {"down"}

            await prometheus.until(noticed, "the target to be down")
    finally:
        await address.close()
    mine = psutil.Process().children()
    assert [each for each in mine if each.name() == "prometheus"] == []


@pytest.mark.parametrize("name", ["prometheus", "promtool"])
def test_without_the_program_a_test_is_skipped_with_the_way_to_get_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The summary of the tests says reasons aloud: this one must be of use."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match=f"no `{name}` here: run `make tools`"):
        program(name)


def test_promtool_says_what_is_wrong(tmp_path: Path) -> None:
    """Its complaints reach whoever asked."""
    (tmp_path / "broken.yml").write_text("groups: [{name: a, rules: [{record: b, expr: 'c('}]}]")
    done = promtool("check", "rules", tmp_path / "broken.yml")
    assert done.returncode != 0
    assert "could not parse expression" in done.stdout + done.stderr
