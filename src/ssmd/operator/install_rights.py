"""What the operator may do in a cluster: each kind and verb that it uses, and no other. Pure.

A test compares this with what the operator was seen to do.
"""

from typing import Final

import msgspec

from ssmd.operator.names import GROUP, KINDS, MANAGER, plural

Object = dict[str, object]
"""One object, as it is applied."""


LEASE: Final = MANAGER
"""Name of the Lease that the working operator holds."""


class Right(msgspec.Struct, frozen=True):
    """Verbs that go with kinds.

    Attributes:
        group: The API's group; empty for the core.
        resources: The kinds, as they stand in paths, with their subresources.
        verbs: What may be done with them.
        names: Only with objects of these names; with all when empty.
    """

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()

    def plain(self) -> Object:
        """As it is applied."""
        found: Object = {
            "apiGroups": [self.group],
            "resources": list(self.resources),
            "verbs": list(self.verbs),
        }
        return found | ({"resourceNames": list(self.names)} if self.names else {})


_OURS: Final = tuple(plural(kind) for kind in KINDS)
_LOOK: Final = ("get", "list", "watch")
_MAKE: Final = ("create", "patch")

_UNHELD: Final = tuple(plural(kind) for kind in ("SecmasterSync", "QualityCheck", "Api"))
"""What needs no drain: nothing is written to it but its status."""
_DRAINED: Final = tuple(name for name in _OURS if name not in _UNHELD)

RIGHTS: Final = (
    Right(GROUP, _DRAINED, (*_LOOK, "patch")),
    Right(GROUP, _UNHELD, _LOOK),
    Right(GROUP, tuple(f"{name}/status" for name in _OURS), ("patch",)),
    Right(GROUP, tuple(f"{name}/finalizers" for name in _OURS), ("update",)),
    Right("", ("pods",), ("list", "watch")),
    Right("", ("configmaps",), (*_LOOK, *_MAKE, "delete")),
    Right("", ("services",), ("get", "list", *_MAKE, "delete")),
    Right("", ("persistentvolumeclaims",), ("get", *_MAKE)),
    Right("", ("secrets",), ("get",)),
    Right("", ("events",), _MAKE),
    Right("apps", ("deployments",), (*_LOOK, *_MAKE, "delete")),
    Right("batch", ("jobs", "cronjobs"), (*_LOOK, *_MAKE, "delete")),
    Right("policy", ("poddisruptionbudgets",), ("get", "list", *_MAKE, "delete")),
    Right("networking.k8s.io", ("networkpolicies",), ("get", "list", *_MAKE, "delete")),
    Right("monitoring.coreos.com", ("podmonitors",), ("get", "list", *_MAKE, "delete")),
)
"""In every namespace that is watched."""
_LEASES: Final = ("coordination.k8s.io", ("leases",))

LEADING: Final = (
    Right(*_LEASES, ("create",)),  # what is not there yet has no name that could be looked for
    Right(*_LEASES, (*_LOOK, "update"), (LEASE,)),
)
"""In the operator's own namespace: which of its pods works."""
WIDE: Final = (Right(*_LEASES, ("list", "watch"), (LEASE,)),)
"""Besides, for who watches every namespace: there is one watch for all of them, of Leases too."""


def rules(rights: tuple[Right, ...]) -> list[Object]:
    """The rights, as a Role holds them."""
    return [right.plain() for right in rights]
