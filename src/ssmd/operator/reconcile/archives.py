"""Which claim holds the archive that a resource reads."""

import msgspec

from ssmd.model.errors import ConfigError
from ssmd.operator.manifests import archiver
from ssmd.operator.manifests.complaint import Complaint
from ssmd.operator.manifests.facts import Owner
from ssmd.operator.names import API_VERSION
from ssmd.operator.reconcile.hands import Hands
from ssmd.operator.spec.parse import parse
from ssmd.operator.spec.schedules import ArchiveReference


class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """The archive that a resource reads.

    Attributes:
        claim: The claim with it.
        one_node: Whether that is mounted on one node at a time, as far as is known.
    """

    claim: str
    one_node: bool = False


async def find(hands: Hands, namespace: str, reference: ArchiveReference) -> Archive | Complaint:
    """The archive that is meant; or why there is none that could be read."""
    if reference.claim is not None:
        return Archive(claim=reference.claim)
    name = reference.archiver or ""
    where = f"{namespace}/{name}"
    found = await hands.cluster.find(API_VERSION, "Archiver", name, namespace)
    if found is None:
        return _missing(where)
    try:
        spec = parse("Archiver", found["spec"], where=f"Archiver {where}")
    except ConfigError:
        return _missing(where)
    owner = Owner(kind="Archiver", name=name, namespace=namespace, uid=found["metadata"]["uid"])
    mode = None if spec.storage.existing_claim else spec.storage.access_mode
    if mode == "ReadWriteOncePod":
        message = (
            f"The claim of the Archiver {where} is for one pod alone (`storage.accessMode:"
            " ReadWriteOncePod`), and that is the archiver's. Name an archive of another mode."
        )
        return Complaint(condition="Ready", reason="ClaimOfOnePod", message=message)
    return Archive(claim=archiver.claim_name(spec, owner), one_node=mode == "ReadWriteOnce")


def _missing(where: str) -> Complaint:
    message = f"There is no Archiver {where}, or its spec is not acceptable: name another."
    return Complaint(condition="Ready", reason="ArchiverMissing", message=message)
