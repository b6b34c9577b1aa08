"""Who depends on whom, so that the garbage collector looks only where something happened."""

from ssmd.sim.kubernetes.shapes import Object

Spot = tuple[tuple[str, str], tuple[str, str]]
"""Group and plural, namespace and name."""


class Owners:
    """Where uids are, and who names them as owners.

    Attributes:
        touched: Where the collector has to look.
    """

    def __init__(self) -> None:
        self.touched: set[Spot] = set()
        self._spots: dict[str, Spot] = {}
        self._dependents: dict[str, set[Spot]] = {}

    def spot(self, uid: str) -> Spot | None:
        """Where the object with this uid is; None if there is none."""
        return self._spots.get(uid)

    def dependents(self, uid: str) -> list[Spot]:
        """Where those are that name it as an owner."""
        return sorted(self._dependents.get(uid, ()))

    def note(self, spot: Spot, old: Object | None, new: Object | None) -> None:
        """Something was written, or let go of."""
        before, after = _owners(old), _owners(new)
        for uid in before - after:
            self._dependents[uid].discard(spot)
        for uid in after:
            self._dependents.setdefault(uid, set()).add(spot)
        if old is not None and new is None:
            uid = old["metadata"]["uid"]
            self._spots.pop(uid, None)
            self.touched |= self._dependents.get(uid, set())
        if new is not None:
            self._spots[new["metadata"]["uid"]] = spot
            if after or new["metadata"].get("deletionTimestamp"):
                self.touched.add(spot)
        # An owner may be waiting for this one to go.
        self.touched |= {self._spots[uid] for uid in before | after if uid in self._spots}


def _owners(value: Object | None) -> set[str]:
    references = () if value is None else value["metadata"].get("ownerReferences") or ()
    return {each["uid"] for each in references}
