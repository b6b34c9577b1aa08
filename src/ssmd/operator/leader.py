"""Only one operator works at a time: whoever holds the Lease."""

import asyncio
from collections.abc import Callable
from typing import Final

from ssmd.model.errors import SsmdError, Unavailable
from ssmd.model.timestamp import format_rfc3339
from ssmd.operator import telemetry
from ssmd.operator.cluster import Cluster, Manifest
from ssmd.operator.errors import Conflict, LeaderLost
from ssmd.runtime.clock import Clock, within

_MICROSECONDS: Final = 1000
_LEASE: Final = ("coordination.k8s.io/v1", "Lease")


class Leader:
    """One candidate. A holder that could not renew works no more before it has; so two never do.

    Attributes:
        may_work: Set while we are sure to lead.
        holder: Who leads, as far as we know.
    """

    def __init__(
        self,
        cluster: Cluster,
        clock: Clock,
        *,
        namespace: str,
        name: str,
        identity: str,
        lease_s: float = 30.0,
        alone: bool = False,
    ) -> None:
        """Make it.

        Args:
            cluster: Where.
            clock: Times everything.
            namespace: Of the Lease.
            name: Of the Lease.
            identity: Ours: another for every process.
            lease_s: After so long without a renewal others take over, in seconds.
            alone: There is no other: take the Lease whoever holds it.
        """
        self.may_work = asyncio.Event()
        self.holder = ""
        self._cluster = cluster
        self._clock = clock
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._lease_s = lease_s
        self._alone = alone
        self._lease: Manifest | None = None
        self._renewed = 0.0
        self._watched: tuple[str, float] = ("", 0.0)

    async def acquire(self) -> None:
        """Wait until we lead."""
        while not await self._try():
            await self._clock.sleep(self._lease_s / 6)

    async def keep(self, renewed: Callable[[], None]) -> None:
        """Renew for ever.

        Args:
            renewed: Told of each renewal.

        Raises:
            LeaderLost: Another leads now.
        """
        while True:
            await self._clock.sleep(self._lease_s / 3)
            if await self._renew_in_time():
                renewed()
            elif self._clock.mono() - self._renewed > self._lease_s / 2:
                self.may_work.clear()  # before the Lease can be anybody else's

    async def release(self) -> None:
        """Let others lead at once."""
        self.may_work.clear()
        lease, self._lease = self._lease, None
        if lease is None:
            return
        lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            await self._cluster.replace(lease)
        except SsmdError as error:
            telemetry.renewal_failed(error)
        telemetry.leads(False, holder="")

    async def _try(self) -> bool:
        began = self._clock.mono()
        try:
            found = await self._cluster.find(*_LEASE, self._name, self._namespace)
            if found is not None and not self._free(found):
                self._follow(found["spec"].get("holderIdentity") or "")
                return False
            taken = self._ours(found)
            write = self._cluster.create if found is None else self._cluster.replace
            self._lease = await write(taken)
        except (Conflict, Unavailable) as error:
            telemetry.renewal_failed(error)
            return False
        self._renewed = began
        self.holder = self._identity
        self.may_work.set()
        telemetry.leads(True, holder=self._identity)
        return True

    async def _renew_in_time(self) -> bool:
        """An answer that hangs is none: the Lease goes by while it is waited for."""
        try:
            return await within(self._clock, self._lease_s / 3, self._renew())
        except TimeoutError:
            telemetry.renewal_failed(TimeoutError("the API server does not answer in time"))
            return False

    async def _renew(self) -> bool:
        assert self._lease is not None  # noqa: S101 - only a holder renews
        began = self._clock.mono()
        try:
            self._lease = await self._cluster.replace(self._ours(self._lease))
        except Conflict:
            await self._reread()
            return False
        except SsmdError as error:
            telemetry.renewal_failed(error)
            return False
        self._renewed = began
        self.may_work.set()
        return True

    async def _reread(self) -> None:
        """Somebody wrote our Lease: look whether it is still ours."""
        try:
            found = await self._cluster.find(*_LEASE, self._name, self._namespace)
        except SsmdError as error:
            telemetry.renewal_failed(error)
            return
        holder = "" if found is None else found["spec"].get("holderIdentity") or ""
        if found is not None and holder == self._identity:
            self._lease = found
            return
        self.may_work.clear()
        self._lease = None
        telemetry.leads(False, holder=holder)
        raise LeaderLost(
            f"The Lease {self._namespace}/{self._name} is held by {holder or 'nobody'}, not by"
            f" {self._identity}.",
            remedy="Nothing is to be done: Kubernetes starts this operator again, as a follower.",
        )

    def _free(self, found: Manifest) -> bool:
        """Whether a Lease may be taken: by our own clock, that of others may be wrong."""
        spec = found["spec"]
        holder = spec.get("holderIdentity") or ""
        if self._alone or not holder or holder == self._identity:
            return True
        version, now = found["metadata"]["resourceVersion"], self._clock.mono()
        if self._watched[0] != version:
            self._watched = version, now
        duration = float(spec.get("leaseDurationSeconds") or self._lease_s)
        return now - self._watched[1] > duration

    def _follow(self, holder: str) -> None:
        if holder != self.holder:
            self.holder = holder
            telemetry.leads(False, holder=holder)

    def _ours(self, found: Manifest | None) -> Manifest:
        micros = self._clock.wall() // _MICROSECONDS * _MICROSECONDS
        now = format_rfc3339(micros)[:26] + "Z"
        before = {} if found is None else found.get("spec") or {}
        same = before.get("holderIdentity") == self._identity
        metadata = {"name": self._name, "namespace": self._namespace}
        return {
            "apiVersion": _LEASE[0],
            "kind": _LEASE[1],
            "metadata": metadata if found is None else found["metadata"],
            "spec": {
                **before,
                "holderIdentity": self._identity,
                "leaseDurationSeconds": max(1, round(self._lease_s)),
                "renewTime": now,
                "acquireTime": before["acquireTime"] if same else now,
                "leaseTransitions": int(before.get("leaseTransitions") or 0) + (not same),
            },
        }
