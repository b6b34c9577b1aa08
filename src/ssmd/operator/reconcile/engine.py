"""One look at one resource: read it, read what it refers to, and let its kind do the rest."""

from collections.abc import Sequence

import msgspec

from ssmd.model.errors import ConfigError
from ssmd.operator.cluster import Manifest
from ssmd.operator.errors import Refused
from ssmd.operator.index import Index, Key
from ssmd.operator.manifests import complaints
from ssmd.operator.manifests.complaint import Complaint
from ssmd.operator.manifests.facts import Facts, Owner
from ssmd.operator.names import API_VERSION, Kind
from ssmd.operator.reading import Found
from ssmd.operator.reconcile import api, archiver, connector, scheduled
from ssmd.operator.reconcile.hands import Hands, status_of
from ssmd.operator.spec.api import ApiSpec
from ssmd.operator.spec.archiver import ArchiverSpec
from ssmd.operator.spec.connector import ConnectorSpec
from ssmd.operator.spec.parse import parse
from ssmd.operator.spec.schedules import QualityCheckSpec, SecmasterSyncSpec
from ssmd.operator.spec.status import ApiStatus, ArchiverStatus, ConnectorStatus, ScheduledStatus
from ssmd.operator.spec.workload import Workload


class Engine:
    """Looks at one resource at a time; nothing it needs outlives a look but what may be lost."""

    def __init__(self, hands: Hands, index: Index) -> None:
        """Make it.

        Args:
            hands: What it works with.
            index: Told which ConfigMaps a resource refers to.
        """
        self._hands = hands
        self._index = index

    async def look(self, key: Key) -> float | None:
        """Bring a resource nearer to what is wanted, and say how it is.

        Returns:
            When to look again at the latest, in seconds from now; None when only a change matters.

        Raises:
            SsmdError: It could not be done; what is `retryable` may work later.
        """
        resource = await self._hands.cluster.find(API_VERSION, key.kind, key.name, key.namespace)
        if resource is None:
            self._index.forget(key)
            return None
        metadata = resource["metadata"]
        owner = Owner(kind=key.kind, name=key.name, namespace=key.namespace, uid=metadata["uid"])
        where = f"{key.kind} {key.namespace}/{key.name}"
        deleting = bool(metadata.get("deletionTimestamp"))
        if deleting and key.kind == "Connector":
            return await connector.finalize(self._hands, resource, owner)
        try:
            spec = parse(key.kind, resource.get("spec") or {}, where=where)
        except ConfigError as error:
            if deleting:
                return await self._finalize(resource, owner, None, None)
            await self._refuse(resource, key.kind, error)
            return None
        found = await self._hands.reader.read(owner, spec)
        self._index.refers(key, found.maps)
        if deleting:
            return await self._finalize(resource, owner, spec, found)
        return await self._look(resource, owner, spec, _judged(spec, found))

    async def _look(
        self, resource: Manifest, owner: Owner, spec: Workload, found: Found
    ) -> float | None:
        try:
            return await self._of_kind(resource, owner, spec, found)
        except Refused as error:
            await self._hands.events.tell(resource, "Refused", str(error), kind="Warning")
            raise

    async def _of_kind(
        self, resource: Manifest, owner: Owner, spec: Workload, found: Found
    ) -> float | None:
        if isinstance(spec, ConnectorSpec):
            return await connector.look(self._hands, resource, owner, spec, found)
        if isinstance(spec, ArchiverSpec):
            return await archiver.look(self._hands, resource, owner, spec, found)
        if isinstance(spec, ApiSpec):
            return await api.look(self._hands, resource, owner, spec, found)
        assert isinstance(spec, SecmasterSyncSpec | QualityCheckSpec)  # noqa: S101 - there is no other
        return await scheduled.look(self._hands, resource, owner, spec, found)

    async def _finalize(
        self, resource: Manifest, owner: Owner, spec: Workload | None, found: Found | None
    ) -> float | None:
        if owner.kind != "Archiver":
            return None  # the garbage collector does the rest
        wanted = spec if isinstance(spec, ArchiverSpec) else None
        judged = None if wanted is None or found is None else _judged(wanted, found)
        return await archiver.finalize(self._hands, resource, owner, wanted, judged)

    async def _refuse(self, resource: Manifest, kind: Kind, error: ConfigError) -> None:
        """A spec that cannot be read changes nothing that runs."""
        complaint = Complaint(condition="Ready", reason="InvalidSpec", message=str(error))
        await self._hands.complain(resource, [complaint])
        if kind == "Connector":
            await self._hands.refuse(resource, status_of(resource, ConnectorStatus), complaint)
        elif kind == "Archiver":
            await self._hands.refuse(resource, status_of(resource, ArchiverStatus), complaint)
        elif kind == "Api":
            await self._hands.refuse(resource, status_of(resource, ApiStatus), complaint)
        else:
            await self._hands.refuse(resource, status_of(resource, ScheduledStatus), complaint)


def _judged(spec: Workload, found: Found) -> Found:
    """What was read, with what is wrong with it: nothing is rendered then."""
    if found.facts is None:
        return found
    wrong = _complaints(spec, found.facts)
    return msgspec.structs.replace(found, complaints=(*found.complaints, *wrong))


def _complaints(spec: Workload, facts: Facts) -> Sequence[Complaint]:
    if isinstance(spec, ConnectorSpec):
        return complaints.of_connector(spec, facts)
    if isinstance(spec, ArchiverSpec):
        return complaints.of_archiver(spec, facts)
    if isinstance(spec, SecmasterSyncSpec):
        return complaints.of_secmaster(spec, facts)
    if isinstance(spec, ApiSpec):
        return complaints.of_api(spec, facts)
    assert isinstance(spec, QualityCheckSpec)  # noqa: S101 - there is no other
    return complaints.of_quality(spec, facts)
