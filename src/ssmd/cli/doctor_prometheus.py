"""What `ssmd doctor` asks of Prometheus: is it there, and does it scrape us."""

import os
from collections.abc import Sequence
from typing import Final

import msgspec

from ssmd.cli.configured import Plan
from ssmd.cli.doctor_check import Check, Look
from ssmd.runtime.clock import Clock
from ssmd.runtime.prometheus import Prometheus, prometheus_settings

_NAME: Final = "prometheus"
_OURS: Final = "count by (feed) (ssmd_connector_websocket_connected)"
_SCRAPE: Final = (
    "Scrape /metrics of the connectors: `ssmd up` names the addresses, `--listen` fixes them."
)


def look(plan: Plan, clock: Clock, limit_s: float) -> Look:
    """Whether it answers, and holds series of every feed."""

    async def ask() -> Sequence[Check]:
        if not os.environ.get("PROMETHEUS_URL"):
            seen = "PROMETHEUS_URL is not set: `ssmd dq daily` judges without signals."
            return [Check(name=_NAME, state="skipped", seen=seen)]
        settings = msgspec.structs.replace(prometheus_settings(), timeout_s=limit_s * 0.8)
        async with Prometheus(settings, clock) as prometheus:
            await prometheus.check()
            found = await prometheus.query(_OURS, clock.wall())
        return [_judged(plan, settings.url, {each.labels.get("feed", "") for each in found})]

    return Look(_NAME, ask)


def _judged(plan: Plan, url: str, found: set[str]) -> Check:
    missing = [feed.name for feed in plan.feeds if feed.name not in found]
    seen = f"Prometheus at {url} answers"
    if not missing:
        seen += " and has series of every feed."
        return Check(name=_NAME, state="ok", seen=seen)
    if plan.is_running() and not found:
        seen += " and has no series of ours, though we run."
        return Check(name=_NAME, state="fail", seen=seen, remedy=_SCRAPE)
    seen += f" and has now no series of {', '.join(missing)}."
    return Check(name=_NAME, state="warn", seen=seen, remedy=_SCRAPE)
