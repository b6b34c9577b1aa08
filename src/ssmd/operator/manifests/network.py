"""Whom the pods of a resource may talk to: whatever is not named is refused. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from ssmd.feeds import registry
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.upload import UploadSettings
from ssmd.operator.manifests.facts import Facts, Manifest
from ssmd.operator.manifests.owned import metadata
from ssmd.operator.names import (
    COMPONENT,
    MANAGED_BY,
    MANAGER,
    OPERATOR,
    component,
    object_name,
    selector,
)
from ssmd.operator.spec.workload import Workload

_DNS: Final = 53
_NATS: Final = 4222
_POSTGRES: Final = 5432
_SCHEMES: Final = {"ws": 80, "wss": 443, "http": 80, "https": 443}
_TLS: Final = 443


def policies(
    spec: Workload,
    facts: Facts,
    *,
    serves: Sequence[int],
    talks: Iterable[Iterable[int]],
    more: Sequence[Manifest] = (),
) -> list[Manifest]:
    """The policy of a resource's pods; none when the cluster's own rules are to hold.

    Venues, buses and databases have names, and a policy knows addresses: so who is talked to is
    bounded by port. Somebody who knows the addresses writes them with a policy of his own.

    Args:
        spec: What is asked for.
        facts: Whose pods.
        serves: Ports where they tell how they are.
        talks: Ports they need elsewhere, a rule for each group.
        more: Further rules of who may ask them.
    """
    if not spec.network.enabled:
        return []
    egress = [_dns(), *(_to(ports) for ports in _once(talks)), *map(dict, spec.network.egress)]
    owner = facts.owner
    return [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": metadata(owner, object_name(owner.name, owner.kind)),
            "spec": {
                "podSelector": {"matchLabels": selector(owner.name, owner.kind)},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [*([_from(spec, serves)] if serves else []), *more],
                "egress": egress,
            },
        }
    ]


def open_to(port: int, clients: Sequence[Mapping[str, object]]) -> Manifest:
    """A rule that lets clients in: these, or everybody when there are none."""
    rule = _to([port])
    return rule | {"from": [dict(each) for each in clients]} if clients else rule


def bus_ports(environment: EnvironmentConfig, env: Mapping[str, str]) -> set[int]:
    """Ports of the bus: of env.yaml, else of `NATS_URL` as far as it is written, else the usual."""
    url = environment.transport.url or env.get("NATS_URL") or ""
    return {_port(each.strip()) or _NATS for each in url.split(",")}


def venue_ports(feed: FeedConfig, facts: Facts) -> set[int]:
    """Ports of the venue's WebSocket and REST services, as the feed's version of today says."""
    version = feed.effective(facts.today)
    services = registry.venue(feed).rest.services
    bases = {name: service.base for name, service in services.items()} | dict(version.rest)
    return {_port(url) or _TLS for url in (version.endpoint, *bases.values())}


def database_ports(environment: EnvironmentConfig, env: Mapping[str, str]) -> set[int]:
    """Ports of the PostgreSQL: of env.yaml, else of `DATABASE_URL` as far as it is written."""
    url = environment.secmaster.database_url or env.get("DATABASE_URL") or ""
    own = env.get("PGPORT", "")
    return {_port(url) or (int(own) if own.isdigit() else _POSTGRES)}


def store_ports(upload: UploadSettings | None) -> set[int]:
    """Ports of the object store; none when there is none, or only a folder."""
    if upload is None or upload.url.startswith("file:"):
        return set()
    addresses = [value for value in upload.options.values() if "://" in value]
    return {_port(url) or _TLS for url in addresses} or {_TLS}


def url_ports(*urls: str | None) -> set[int]:
    """Ports of other addresses."""
    return {_port(url) or _TLS for url in urls if url}


def _port(url: str) -> int | None:
    if "://" not in url:  # a bus may be named without its scheme
        url = f"//{url}"
    try:
        parts = urlsplit(url)
        return parts.port or _SCHEMES.get(parts.scheme)
    except ValueError:
        return None


def _once(groups: Iterable[Iterable[int]]) -> list[list[int]]:
    """The groups without ports that stand before, in order; empty ones left out."""
    seen: set[int] = set()
    found: list[list[int]] = []
    for group in groups:
        fresh = sorted(set(group) - seen)
        seen |= set(fresh)
        found += [fresh] if fresh else []
    return found


def _dns() -> Manifest:
    """Wherever the cluster has its resolver: in a pod, or on the node."""
    return {"ports": [{"protocol": kind, "port": _DNS} for kind in ("UDP", "TCP")]}


def _to(ports: Iterable[int]) -> Manifest:
    return {"ports": [{"protocol": "TCP", "port": port} for port in ports]}


def _from(spec: Workload, serves: Sequence[int]) -> Manifest:
    """Who may ask; the operator always, or it could not tell how the pods are, and an Api beside."""
    rule = _to(serves)
    if spec.network.scrapers:
        operator = {"namespaceSelector": {}, "podSelector": {"matchLabels": dict(OPERATOR)}}
        api = {"podSelector": {"matchLabels": {MANAGED_BY: MANAGER, COMPONENT: component("Api")}}}
        rule["from"] = [operator, api, *(dict(each) for each in spec.network.scrapers)]
    return rule
