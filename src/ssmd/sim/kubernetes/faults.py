"""What goes wrong on purpose, and what is written down of every request."""

from dataclasses import dataclass

from ssmd.sim.kubernetes.refusal import Refusal


@dataclass(slots=True)
class Fault:
    """The next requests that fit go wrong.

    Attributes:
        code: The HTTP status of the answer; 0 cuts the connection without one.
        count: How many.
        verb: Which; "" any. `write` is any that changes something.
        kind: Of which kind, by its name or plural; "" any.
        name: Of which object; "" any.
        retry_after_s: What `Retry-After` says, in seconds; None says nothing.
        done: The request is carried out, only its answer is lost.
        after: So many that fit are spared first.
    """

    code: int
    count: int = 1
    verb: str = ""
    kind: str = ""
    name: str = ""
    retry_after_s: int | None = None
    done: bool = False
    after: int = 0

    def fits(self, entry: "Entry") -> bool:
        """Whether a request is one that goes wrong."""
        return (
            (not self.verb or self.verb == entry.verb or (self.verb == "write" and entry.writes))
            and (not self.kind or self.kind in (entry.kind, entry.plural))
            and (not self.name or self.name == entry.name)
        )

    def refusal(self) -> Refusal:
        """The answer."""
        details = {"retryAfterSeconds": self.retry_after_s} if self.retry_after_s else {}
        return Refusal(self.code, "made to fail", details=details)


@dataclass(slots=True)
class Entry:
    """One request, as the journal has it.

    Attributes:
        verb: get, list, watch, create, update, patch, apply, delete, deletecollection; `discover` of
            what is no object's address.
        group: "" for the core group.
        kind: Its name; the path of what is no object's address.
        plural: Its name in addresses.
        namespace: "" for the cluster.
        name: "" for all.
        subresource: "" for the object itself.
        user: Who asked.
        manager: The field manager of a write.
        status: The HTTP status; 0 before it is answered, or when the connection was cut.
        changed: Whether anything is different since.
        dry: Whether nothing was to be kept.
        time: When it came, seconds of the clock's monotonic time.
    """

    verb: str
    group: str
    kind: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    user: str = ""
    manager: str = ""
    status: int = 0
    changed: bool = False
    dry: bool = False
    time: float = 0.0

    @property
    def writes(self) -> bool:
        """Whether it asks for a change."""
        return self.verb not in {"get", "list", "watch", "discover"}


class Faults:
    """Faults that wait for the requests they are meant for."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self.delay_s = 0.0

    def add(self, fault: Fault) -> None:
        """Let the next requests that fit go wrong, after those added before."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self._waiting.clear()
        self.delay_s = 0.0

    def take(self, entry: Entry) -> Fault | None:
        """The fault a request meets; None if it meets none."""
        for fault in self._waiting:
            if not fault.fits(entry):
                continue
            if fault.after > 0:
                fault.after -= 1
                return None
            fault.count -= 1
            if fault.count <= 0:
                self._waiting.remove(fault)
            return fault
        return None
