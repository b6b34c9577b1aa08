"""How an operator runs."""

import msgspec


class OperatorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How an operator runs.

    Attributes:
        namespaces: The namespaces it cares for; all of them when empty.
        image: What pods run for which neither resource nor feed names an image.
        identity: Its name among operators: another for every process.
        lease_namespace: Where its Lease is.
        lease_name: How that is called.
        lease_s: After so long without a renewal another takes over, in seconds.
        alone: There is no other operator: it leads whoever holds the Lease.
        workers: Resources that are looked at at the same time.
        resync_s: Every resource is looked at at least so often, in seconds.
        recheck_s: Objects that are not watched are compared at least so often, in seconds.
        blind_s: A watch that is silent for so long, while it should not be, ends the process, in
            seconds.
    """

    namespaces: tuple[str, ...]
    image: str
    identity: str
    lease_namespace: str
    lease_name: str = "ssmd-operator"
    lease_s: float = 30.0
    alone: bool = False
    workers: int = 4
    resync_s: float = 30.0
    recheck_s: float = 60.0
    blind_s: float = 60.0
