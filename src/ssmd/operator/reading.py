"""Reads what a resource is configured by: ConfigMaps and Secrets, as they are."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from ssmd.feeds import registry
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.feeds.feed import FeedConfig
from ssmd.model.errors import ConfigError
from ssmd.operator.cluster import Cluster, Manifest
from ssmd.operator.fields import digest
from ssmd.operator.manifests import needs
from ssmd.operator.manifests.complaint import Complaint
from ssmd.operator.manifests.facts import Facts, Owner
from ssmd.operator.names import ENVIRONMENT_KEY, FEED_KEY, environment_map, feed_map
from ssmd.operator.spec.schedules import QualityCheckSpec
from ssmd.operator.spec.workload import Workload
from ssmd.runtime import settings
from ssmd.runtime.clock import Clock, today

T = TypeVar("T")
_VALID: Final = "FeedConfigValid"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was read.

    Attributes:
        facts: Everything rendering needs; None while something is missing.
        complaints: What is missing, or not acceptable.
        maps: ConfigMaps that are referred to, there or not: a change of one matters.
    """

    facts: Facts | None
    complaints: tuple[Complaint, ...]
    maps: tuple[str, ...]


class Reader:
    """Reads what resources are configured by."""

    def __init__(self, cluster: Cluster, clock: Clock, *, image: str) -> None:
        """Make it.

        Args:
            cluster: Where.
            clock: Says which day it is.
            image: The operator's own image: what runs where nothing else is asked for.
        """
        self._cluster = cluster
        self._clock = clock
        self._image = image

    async def read(self, owner: Owner, spec: Workload) -> Found:
        """Read everything a resource refers to, and say what is wrong with it."""
        wants = needs.of(spec)
        maps = {name: await self._map(owner, name) for name in wants.config_maps}
        feeds, environment, complaints = configuration(owner.namespace, spec, maps)
        wants = needs.of(spec, feeds)
        secrets = {
            name: await self._cluster.find("v1", "Secret", name, owner.namespace)
            for name in wants.secrets
        }
        complaints += _maps_missing(owner.namespace, spec, maps)
        complaints += _secrets(owner.namespace, spec, secrets)
        facts = None
        if environment is not None and not complaints:
            facts = Facts(
                owner=owner,
                environment=environment,
                feeds=feeds,
                digests=_digests(maps, secrets),
                image=self._image,
                today=today(self._clock),
            )
        return Found(facts=facts, complaints=tuple(complaints), maps=wants.config_maps)

    async def _map(self, owner: Owner, name: str) -> Manifest | None:
        return await self._cluster.find("v1", "ConfigMap", name, owner.namespace)


def configuration(
    namespace: str, spec: Workload, maps: Mapping[str, Manifest | None]
) -> tuple[dict[str, FeedConfig], EnvironmentConfig | None, list[Complaint]]:
    """Feeds and environment out of their ConfigMaps, and what is wrong with them."""
    feeds: dict[str, FeedConfig] = {}
    complaints: list[Complaint] = []
    for name in needs.feeds_of(spec):
        where = f"ConfigMap {namespace}/{feed_map(name)}"
        found = _parsed(where, FEED_KEY, maps.get(feed_map(name)), FeedConfig, "Feed")
        if isinstance(found, FeedConfig):
            feeds[name] = found
            if wrong := registry.check(found):
                complaints.append(_complaint("FeedInvalid", f"{where}: {' '.join(wrong)}"))
        else:
            complaints.append(found)
    environment = None
    if (wanted := needs.environment_of(spec)) is not None:
        where = f"ConfigMap {namespace}/{environment_map(wanted)}"
        read = _parsed(
            where,
            ENVIRONMENT_KEY,
            maps.get(environment_map(wanted)),
            EnvironmentConfig,
            "Environment",
        )
        if isinstance(read, EnvironmentConfig):
            environment = read
        else:
            complaints.append(read)
    return feeds, environment, complaints


def _parsed(
    where: str, key: str, found: Manifest | None, kind: type[T], word: str
) -> T | Complaint:
    if found is None:
        message = f"There is no {where}. Make it, with the file under the key {key}."
        return _complaint(f"{word}Missing", message)
    text = (found.get("data") or {}).get(key)
    if text is None:
        held = ", ".join(sorted(found.get("data") or {})) or "nothing"
        message = f"{where} has no key {key}; it has: {held}. Put the file under that key."
        return _complaint(f"{word}Missing", message)
    try:
        return settings.parse(text, kind, where=f"{where} {key}")
    except ConfigError as error:
        return _complaint(f"{word}Invalid", str(error))


def _complaint(reason: str, message: str, condition: str = _VALID) -> Complaint:
    return Complaint(condition=condition, reason=reason, message=message)


def _maps_missing(
    namespace: str, spec: Workload, maps: Mapping[str, Manifest | None]
) -> list[Complaint]:
    """Those that are neither a feed nor an environment: variables, a policy."""
    named = {feed_map(feed) for feed in needs.feeds_of(spec)}
    if (environment := needs.environment_of(spec)) is not None:
        named.add(environment_map(environment))
    found = [
        _complaint(
            "ConfigMapMissing", f"There is no ConfigMap {namespace}/{name}: make it.", "Ready"
        )
        for name, value in maps.items()
        if value is None and name not in named
    ]
    policy = spec.policy if isinstance(spec, QualityCheckSpec) else None
    held = None if policy is None else maps.get(policy.config_map)
    if policy is not None and held is not None and policy.key not in (held.get("data") or {}):
        message = f"ConfigMap {namespace}/{policy.config_map} has no key {policy.key}: add it."
        found.append(_complaint("ConfigMapKeyMissing", message, "Ready"))
    return found


def _secrets(
    namespace: str, spec: Workload, secrets: Mapping[str, Manifest | None]
) -> list[Complaint]:
    found = [
        _complaint("SecretMissing", f"There is no Secret {namespace}/{name}: make it.", "Ready")
        for name, value in secrets.items()
        if value is None
    ]
    for each in spec.secret_env:
        held = secrets.get(each.secret)
        if held is not None and each.key not in (held.get("data") or {}):
            message = (
                f"The Secret {namespace}/{each.secret} has no key {each.key}, which the variable"
                f" {each.name} is to have: add it."
            )
            found.append(_complaint("SecretKeyMissing", message, "Ready"))
    return found


def _digests(*groups: Mapping[str, Manifest | None]) -> dict[str, str]:
    """What pods are configured by, and a word that changes whenever it does."""
    words = ("configmap", "secret")
    found = {}
    for word, group in zip(words, groups, strict=True):
        for name, value in group.items():
            if value is not None:
                held: Sequence[object] = (value.get("data"), value.get("binaryData"))
                found[f"{word}/{name}"] = digest({"held": held})
    return found
