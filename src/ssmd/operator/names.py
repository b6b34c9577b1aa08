"""Every name the operator gives: objects, labels, annotations, places in a pod. Pure."""

import hashlib
import re
from typing import Final, Literal

GROUP: Final = "ssmd.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
MANAGER: Final = "ssmd-operator"
"""Field manager of everything that is applied."""
FINALIZER: Final = f"{GROUP}/drain"
"""Keeps a resource until what it recorded is safe."""

Kind = Literal["Connector", "Archiver", "SecmasterSync", "QualityCheck", "Api"]
Slot = Literal["a", "b"]
"""Two places for one share of a feed: while one records, the other may be brought up."""

KINDS: Final[tuple[Kind, ...]] = (
    "Connector",
    "Archiver",
    "SecmasterSync",
    "QualityCheck",
    "Api",
)
SLOTS: Final[tuple[Slot, ...]] = ("a", "b")

CONFIG: Final = f"{GROUP}/config"
"""Annotation: digest of everything a pod is configured by; another digest, another pod."""
SKIP_DRAIN: Final = f"{GROUP}/skip-drain"
"""Annotation of a resource: `true` lets it go without proof that all is safe."""
SCALED_FROM: Final = f"{GROUP}/scaled-from"
"""Annotation: how many there were before `ssmd scale down`."""

INSTANCE: Final = "app.kubernetes.io/instance"
COMPONENT: Final = "app.kubernetes.io/component"
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
OPERATOR: Final = {"app.kubernetes.io/name": "ssmd", COMPONENT: "operator"}
"""Labels of the operator's own pods."""
FEED: Final = f"{GROUP}/feed"
CATEGORY: Final = f"{GROUP}/category"
ENVIRONMENT: Final = f"{GROUP}/environment"
"""Label of a Service to health servers: of which environment they are."""
REPLICA: Final = f"{GROUP}/replica"
SLOT: Final = f"{GROUP}/slot"
ROLE: Final = f"{GROUP}/role"
"""Label: what a pod is for; keeps apart the pods of one resource."""
REVISION: Final = f"{GROUP}/revision"
"""Label of pods that are taken over by others, annotation of a connector's Deployments: the digest of what they see."""
SHARE: Final = f"{GROUP}/share"
"""Annotation of a connector's Deployments: which part of the instruments is recorded there, `I/N`."""

FEED_FOLDER: Final = "/etc/ssmd/feed"
FEEDS_FOLDER: Final = "/etc/ssmd/feeds"
ENVIRONMENT_FOLDER: Final = "/etc/ssmd/env"
ARCHIVER_FOLDER: Final = "/etc/ssmd/archiver"
API_FOLDER: Final = "/etc/ssmd/api"
SECRETS_FOLDER: Final = "/etc/ssmd/secrets"
SPOOL_ROOT: Final = "/var/lib/ssmd"
ARCHIVE_ROOT: Final = "/data"
FEED_KEY: Final = "feed.yaml"
ENVIRONMENT_KEY: Final = "env.yaml"
HTTP: Final = "http"
"""Name of a port for clients: nobody there is asked how the pod is."""

QUALITY_FOLDER: Final = "/etc/ssmd/quality"
POLICY_FOLDER: Final = "/etc/ssmd/policy"

_LONGEST: Final = 63
_LONGEST_SCHEDULED: Final = 52
"""The CronJob controller appends eleven characters to make a Job's name."""
_DIGEST: Final = 8
_SERVICE_NAME: Final = re.compile("[a-z]([a-z0-9-]*[a-z0-9])?")
"""A Service's name is stricter than others: it becomes one label of a name in DNS."""


def component(kind: Kind) -> str:
    """The word for a kind in names and labels."""
    return kind.lower()


def plural(kind: Kind) -> str:
    """The kind in paths of the API."""
    return f"{kind.lower()}s"


def object_name(name: str, kind: Kind, *suffix: str) -> str:
    """`{cr-name}-{component}[-{suffix}]`: the one convention for whatever belongs to a resource.

    A name too long for a label is cut, and keeps apart by a digest of the whole.
    """
    whole = "-".join((name, component(kind), *suffix))
    longest = _LONGEST_SCHEDULED if kind in {"SecmasterSync", "QualityCheck"} else _LONGEST
    if len(whole) <= longest:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:_DIGEST]
    return f"{whole[: longest - _DIGEST - 1].rstrip('-.')}-{digest}"


def service_name(name: str, kind: Kind, *suffix: str) -> str:
    """`{cr-name}-{component}[-{suffix}]`, as far as a Service may be called so; else something near it."""
    whole = object_name(name, kind, *suffix)
    if _SERVICE_NAME.fullmatch(whole):
        return whole
    plain = whole.replace(".", "-")
    plain = plain if plain[0].isalpha() else f"s-{plain}"
    return f"{plain[: _LONGEST - _DIGEST - 1].rstrip('-')}-{_short(whole)}"


def feed_map(feed: str) -> str:
    """The ConfigMap of a feed."""
    return f"feed-{feed}"


def environment_map(environment: str) -> str:
    """The ConfigMap of an environment."""
    return f"env-{environment}"


def labels(name: str, kind: Kind, **more: str) -> dict[str, str]:
    """The labels of whatever belongs to a resource.

    Args:
        name: The resource's name; cut like other names when it is too long for a label.
        kind: Its kind.
        **more: Further labels of our group: `feed`, `category`, `replica`, `slot`.
    """
    return selector(name, kind) | {
        "app.kubernetes.io/name": "ssmd",
        MANAGED_BY: MANAGER,
        **{f"{GROUP}/{key}": value for key, value in more.items()},
    }


def selector(name: str, kind: Kind) -> dict[str, str]:
    """The labels that find whatever belongs to a resource."""
    short = name if len(name) <= _LONGEST else f"{name[:54]}-{_short(name)}"
    return {INSTANCE: short, COMPONENT: component(kind)}


def _short(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]
