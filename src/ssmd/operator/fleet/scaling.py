"""Everything down, so that nothing is lost on the way; and everything up again."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from ssmd.model.errors import SsmdError, Unavailable
from ssmd.operator.cluster import Cluster
from ssmd.operator.errors import Absent
from ssmd.operator.fleet import gitops
from ssmd.operator.fleet.gitops import Keeper
from ssmd.operator.fleet.stages import KINDS, Stage, Target, stages, target
from ssmd.operator.names import API_VERSION, Kind
from ssmd.operator.names import KINDS as OURS
from ssmd.runtime.clock import Clock

_LOOK_S: Final = 0.2
_DEEPEST: Final = 8
"""A keeper may be kept by another, and so on; more than this is a circle."""
_MARK: Final = {"app.kubernetes.io/name": "ssmd"}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was done.

    Attributes:
        gitops: Who was suspended, or goes on.
        scaled: What was scaled, in order.
        late: What was not ready in time; the next stage began all the same. Only when scaling up.
        dry_run: Whether nothing was changed.
    """

    gitops: tuple[str, ...] = ()
    scaled: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    dry_run: bool = False


class Scaling:
    """Scales everything of a namespace, or of all of them."""

    def __init__(
        self,
        cluster: Cluster,
        clock: Clock,
        *,
        namespace: str,
        say: Callable[[str], None],
        timeout_s: float,
        dry_run: bool = False,
    ) -> None:
        """Nothing is asked yet.

        Args:
            cluster: The cluster.
            clock: The time.
            namespace: The namespace, or `ALL_NAMESPACES`.
            say: Told what is done, as it is done.
            timeout_s: Longest that one stage may take, in seconds.
            dry_run: Say what would be done, and do nothing.
        """
        self._cluster = cluster
        self._clock = clock
        self._namespace = namespace
        self._say = say
        self._timeout_s = timeout_s
        self._dry_run = dry_run

    async def survey(self, *, up: bool = False) -> tuple[list[Keeper], list[Stage]]:
        """Who keeps our objects out of a repository, those above first; and what is scaled."""
        objects = [
            found
            for api_version, kind in KINDS
            for found in await self._cluster.list(
                api_version, kind, namespace=self._namespace, labels=_MARK
            )
        ]
        kept = objects + [found for kind in OURS for found in await self._ours(kind)]
        return await self._chain(gitops.keepers(kept)), stages(objects, up=up)

    async def down(self) -> Outcome:
        """Scale everything down, stage by stage, each drained before the next.

        Raises:
            SsmdError: A keeper cannot be suspended: nothing was scaled then.
            Unavailable: A stage did not drain in time; those after it were not touched.
        """
        keepers, found = await self.survey()
        for keeper in keepers:
            await self._suspend(keeper)
        scaled: list[str] = []
        for stage in found:
            changed = await self._patch(stage, [(each, each.down()) for each in stage.targets])
            scaled += changed
            if not self._dry_run:
                await self._drained(stage)
        return Outcome(
            gitops=tuple(keeper.text for keeper in keepers),
            scaled=tuple(scaled),
            dry_run=self._dry_run,
        )

    async def up(self) -> Outcome:
        """Bring everything back that was scaled down, in the reverse order; keepers go on last."""
        keepers, found = await self.survey(up=True)
        scaled: list[str] = []
        late: list[str] = []
        for stage in found:
            changed = await self._patch(stage, [(each, each.up()) for each in stage.targets])
            scaled += changed
            if changed and not self._dry_run:
                late += await self._ready(stage)
        resumed = [keeper.text for keeper in reversed(keepers) if await self._resume(keeper)]
        return Outcome(
            gitops=tuple(resumed), scaled=tuple(scaled), late=tuple(late), dry_run=self._dry_run
        )

    async def _ours(self, kind: Kind) -> list[dict[str, Any]]:
        """Our resources of a kind; none where our kinds were never installed."""
        try:
            return await self._cluster.list(API_VERSION, kind, namespace=self._namespace)
        except Absent:
            return []

    async def _chain(self, found: Sequence[Keeper]) -> list[Keeper]:
        """The keepers, and theirs, those above first: what they keep is set right by them."""
        order: list[Keeper] = []
        level = list(found)
        for _ in range(_DEEPEST):
            order = [*(k for k in level if k not in order), *order]
            above = [each for keeper in level if (each := await self._kept(keeper)) is not None]
            level = [keeper for keeper in gitops.keepers(above) if keeper not in order]
            if not level:
                break
        return order

    async def _kept(self, keeper: Keeper) -> dict[str, Any] | None:
        return await self._cluster.find(*keeper.place, keeper.name, keeper.namespace)

    async def _suspend(self, keeper: Keeper) -> None:
        try:
            found = await self._cluster.get(*keeper.place, keeper.name, keeper.namespace)
            if gitops.is_suspended(keeper, found):
                self._say(f"{keeper.text}: is suspended already.")
                return
            self._say(f"{keeper.text}: {'would be' if self._dry_run else 'is'} suspended.")
            if self._dry_run:
                return
            await self._cluster.merge(_patched(keeper, gitops.suspension(keeper, found)))
            found = await self._cluster.get(*keeper.place, keeper.name, keeper.namespace)
        except (Absent, SsmdError) as error:
            raise _unsuspended(keeper, error.message) from error
        if not gitops.is_suspended(keeper, found):
            raise _unsuspended(keeper, "it was set going again at once")

    async def _resume(self, keeper: Keeper) -> bool:
        found = await self._kept(keeper)
        patch = None if found is None else gitops.resumption(keeper, found)
        if patch is None:
            return False
        self._say(f"{keeper.text}: {'would go' if self._dry_run else 'goes'} on.")
        if not self._dry_run:
            await self._cluster.merge(_patched(keeper, patch))
        return True

    async def _patch(
        self, stage: Stage, patches: Sequence[tuple[Target, dict[str, Any] | None]]
    ) -> list[str]:
        changed = []
        for each, patch in patches:
            if patch is None:
                continue
            self._say(f"{stage.name}: {each.text}{' (dry run)' if self._dry_run else ''}")
            whole = {"apiVersion": each.api_version, "kind": each.kind, **patch}
            whole["metadata"] = {"name": each.name, "namespace": each.namespace} | patch["metadata"]
            await self._cluster.merge(whole, dry_run=self._dry_run)
            changed.append(each.text)
        return changed

    async def _drained(self, stage: Stage) -> None:
        """Wait until a stage has no pods, those that are still draining included."""
        deadline = self._clock.mono() + self._timeout_s
        while left := [name for each in stage.targets for name in await self._pods(each)]:
            if self._clock.mono() > deadline:
                raise Unavailable(
                    f"The {stage.name} did not drain within {self._timeout_s:g} s:"
                    f" {', '.join(left[:5])}.",
                    remedy="Look at their logs, then run `ssmd scale down` again: it goes on.",
                )
            await self._clock.sleep(_LOOK_S)

    async def _pods(self, found: Target) -> list[str]:
        if found.kind == "CronJob":
            now = await self._cluster.find(
                found.api_version, found.kind, found.name, found.namespace
            )
            return [found.text] if now is not None and target(now).ready else []
        if not found.pods:
            return []
        pods = await self._cluster.list("v1", "Pod", namespace=found.namespace, labels=found.pods)
        return [f"Pod {found.namespace}/{pod['metadata']['name']}" for pod in pods]

    async def _ready(self, stage: Stage) -> list[str]:
        """Wait until a stage is ready; what is not in time is named."""
        deadline = self._clock.mono() + self._timeout_s
        while late := [each.text for each in stage.targets if not await self._is_ready(each)]:
            if self._clock.mono() > deadline:
                self._say(f"{stage.name}: not ready in time: {', '.join(late)}")
                return late
            await self._clock.sleep(_LOOK_S)
        return []

    async def _is_ready(self, found: Target) -> bool:
        now = await self._cluster.find(found.api_version, found.kind, found.name, found.namespace)
        if now is None or found.kind == "CronJob":
            return True
        current = target(now)
        return current.ready >= current.running


def _patched(keeper: Keeper, patch: dict[str, Any]) -> dict[str, Any]:
    api_version, kind = keeper.place
    metadata = {"name": keeper.name, "namespace": keeper.namespace} | patch["metadata"]
    return {"apiVersion": api_version, "kind": kind, **patch, "metadata": metadata}


def _unsuspended(keeper: Keeper, why: str) -> SsmdError:
    return SsmdError(
        f"{keeper.text} cannot be suspended, and would undo what is scaled: {why}",
        remedy="Suspend it yourself, then run this again; nothing was scaled.",
    )
