"""The environment variables of a pod: ours, the feed's credentials, and whatever is asked for. Pure."""

from collections.abc import Mapping
from typing import Final

from ssmd.feeds import registry
from ssmd.feeds.account import variables_of
from ssmd.feeds.environment import EnvironmentConfig, KeyConfig
from ssmd.feeds.feed import FeedConfig
from ssmd.operator.manifests.facts import Manifest
from ssmd.operator.spec.workload import Workload

SCRATCH: Final = "/tmp"  # noqa: S108 - a volume of the pod's own
_DOWNWARD: Final = {
    "POD_IP": "status.podIP",
    "POD_NAME": "metadata.name",
    "POD_NAMESPACE": "metadata.namespace",
    "NODE_NAME": "spec.nodeName",
}
_FIXED: Final = {
    "HOME": SCRATCH,
    "TMPDIR": SCRATCH,
    "XDG_CACHE_HOME": f"{SCRATCH}/.cache",
    "PYTHONDONTWRITEBYTECODE": "1",
}
RESERVED: Final = frozenset(_DOWNWARD) | frozenset(_FIXED)
"""Variables that are ours: other values of them would break the pod."""

BUS: Final[Mapping[str, str]] = {
    "user": "NATS_USER",
    "password": "NATS_PASSWORD",  # pragma: allowlist secret
    "token": "NATS_TOKEN",
    "creds_file": "NATS_CREDS",
    "nkey_seed_file": "NATS_NKEY_SEED_FILE",
    "ca_file": "NATS_CA",
    "cert_file": "NATS_CERT",
    "key_file": "NATS_KEY",
}
"""The variable of each credential of the bus, as every process of ours reads it."""


def entries(
    spec: Workload, before: list[Manifest] | None = None, after: list[Manifest] | None = None
) -> list[Manifest]:
    """Every variable of a container, no name twice: the API keys the list by name.

    Args:
        spec: What is asked for; it wins over everything else.
        before: What the feed says.
        after: What refers to others: a reference is resolved by what stands before it.
    """
    found: dict[str, Manifest] = {}
    for each in (*_own(), *(before or []), *_asked(spec)):
        found.pop(str(each["name"]), None)
        found[str(each["name"])] = each
    for each in after or []:
        found.setdefault(str(each["name"]), each)
    return list(found.values())


def given(spec: Workload) -> frozenset[str]:
    """The variables that are asked for by name."""
    return frozenset(spec.env) | {each.name for each in spec.secret_env}


def secrets_of(env: list[Manifest]) -> set[str]:
    """The Secrets that variables come out of."""
    sources = [each["valueFrom"] for each in env if "valueFrom" in each]
    references = [each.get("secretKeyRef") for each in sources if isinstance(each, dict)]
    return {str(each["name"]) for each in references if isinstance(each, dict)}


def credentials(feed: FeedConfig) -> list[Manifest]:
    """The credentials of a feed's venue, out of the Secret that its `defaults.connector.auth` names."""
    auth = feed.defaults.connector.auth
    if auth is None:
        return []
    names = variables_of(registry.venue(feed))
    fields = auth.fields or {name: name for name in names}
    return [
        _secret(names[field], auth.secret, key)
        for key, field in sorted(fields.items())
        if field in names
    ]


def bus_keys(spec: Workload, environment: EnvironmentConfig) -> list[Manifest]:
    """Keys of the bus for processes that read no env.yaml: the usual names for the key's own.

    One that need not be there is passed on only when it is known to be there: a reference to
    nothing stays as it is written.
    """
    return [
        {"name": BUS[field], "value": f"$({place})"}
        for key in environment.keys.values()
        if key.type == "transport" and key.source.startswith("env:")
        for field, place in places(key)
        if field in BUS and place != BUS[field] and (key.required or place in given(spec))
    ]


def places(key: KeyConfig) -> list[tuple[str, str]]:
    """Each field of a key with its place: a variable, or a file."""
    found = key.source.partition(":")[2].split(",")
    return [(field, place.strip()) for field, place in zip(key.fields, found, strict=True)]


def _own() -> list[Manifest]:
    downward: list[Manifest] = [
        {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
        for name, path in _DOWNWARD.items()
    ]
    fixed: list[Manifest] = [{"name": name, "value": value} for name, value in _FIXED.items()]
    return [*downward, *fixed]


def _asked(spec: Workload) -> list[Manifest]:
    plain: list[Manifest] = [{"name": name, "value": value} for name, value in spec.env.items()]
    return [*plain, *(_secret(each.name, each.secret, each.key) for each in spec.secret_env)]


def _secret(name: str, secret: str, key: str) -> Manifest:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
