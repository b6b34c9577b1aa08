"""`ssmd doctor` on a whole pipeline: all well, then with a dead archiver; and no secret ever."""

import asyncio
import json
import logging
from pathlib import Path

import pytest

from ssmd.cli.configured import load_plan
from ssmd.cli.doctor import diagnose
from ssmd.cli.doctor_check import Check
from ssmd.cli.pipeline import ARCHIVER
from ssmd.cli.stage import Stage
from ssmd.feeds import registry
from tests.e2e.acts import CLOCK, until
from tests.e2e.command import ssmd
from tests.e2e.test_venues import alive, machine, quick
from tests.tier import SEED

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
log = logging.getLogger(__name__)

FEED = "kalshi"
"""It wants an account, and REST."""
STREAM = f"stream TEST_{FEED.upper()}"
PATIENT_S = 20.0
WELL = (
    *("config", "nats", STREAM, "postgresql", "migrations", "slot", "permissions"),
    *(f"spool {FEED}", "service archiver", f"service connector-{FEED}", f"venue {FEED}"),
)
"""What a pipeline that runs is found to be, once it has come to rest."""


async def diagnosed(root: Path) -> dict[str, Check]:
    """What is found, by name."""
    found = await diagnose(load_plan(root, None, ()), CLOCK, limit_s=PATIENT_S, offline=False)
    return {check.name: check for check in found}


async def test_a_running_pipeline_is_well_and_a_dead_archiver_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bus, stream, database, slot, venue, keys: each looked at where it really is."""
    for name in ("NATS_URL", "DATABASE_URL", "PROMETHEUS_URL"):
        monkeypatch.delenv(name, raising=False)
    feed = quick(registry.load_feed(FEED))
    made = Stage(machine(tmp_path, feed), [feed], clock=CLOCK, rate=100.0, seed=SEED, keeps=True)
    try:
        await made.start()
        await alive(made)

        found: dict[str, Check] = {}

        async def is_well() -> bool:
            found.update(await diagnosed(tmp_path))
            for name in WELL:
                if found[name].state != "ok":
                    log.info("%s %s: %s", found[name].state, name, found[name].seen)
            return all(found[name].state == "ok" for name in WELL)

        await until(is_well, "every part to be found well")
        assert found["disk archive"].state in ("ok", "warn"), "a full disk is this machine's"
        assert found[f"keys {FEED}"].state in ("ok", "warn")
        assert {c.state for c in found.values()} <= {"ok", "warn", "skipped"}, found
        assert made.pipeline.bus.url in found["nats"].seen
        assert feed.name in found["config"].seen

        await made.pipeline.kill(ARCHIVER)
        answer = await asyncio.to_thread(
            ssmd, "doctor", tmp_path, "--offline", "--json", "--timeout", "20"
        )
        assert (answer.returncode, answer.stderr) == (1, ""), answer
        told = {check["name"]: check for check in json.loads(answer.stdout)["checks"]}
        assert told["service archiver"]["state"] == "fail"
        assert "left archiver.json behind" in told["service archiver"]["seen"]
        assert str(made.pipeline.log(ARCHIVER)) in told["service archiver"]["seen"]
        assert told[f"venue {FEED}"]["state"] == "skipped"
        secrets = [
            line
            for path in (tmp_path / ".run" / "practice").rglob("*")
            if path.is_file()
            for line in path.read_text().splitlines()
            if len(line) > 20 and not line.startswith("-----")
        ]
        password = (tmp_path / ".run" / "postgres" / "password").read_text().strip()
        assert len(secrets) > 10
        assert not any(secret in answer.stdout for secret in (*secrets, password))
    finally:
        await made.close()
