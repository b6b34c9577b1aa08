"""Which ConfigMaps and Secrets a resource refers to: what to read, and what to watch. Pure."""

from collections.abc import Iterator, Mapping

import msgspec

from ssmd.feeds.feed import FeedConfig
from ssmd.operator.names import environment_map, feed_map
from ssmd.operator.spec.api import ApiSpec
from ssmd.operator.spec.archiver import ArchiverSpec
from ssmd.operator.spec.connector import ConnectorSpec
from ssmd.operator.spec.schedules import QualityCheckSpec, SecmasterSyncSpec
from ssmd.operator.spec.workload import Workload


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """Which ConfigMaps and Secrets a resource refers to.

    Attributes:
        config_maps: Names, sorted.
        secrets: Names, sorted; those that only open the registry of images are not among them.
    """

    config_maps: tuple[str, ...]
    secrets: tuple[str, ...]


def of(spec: Workload, feeds: Mapping[str, FeedConfig] | None = None) -> Needs:
    """What a spec refers to, and must be there.

    Args:
        spec: What is asked for.
        feeds: Its feeds, as far as they are known: they may name a Secret of their own.
    """
    maps = {feed_map(feed) for feed in feeds_of(spec)} | set(_own_maps(spec))
    secrets = {each.secret for each in spec.secret_env} | {
        each.secret for each in spec.secret_files
    }
    return Needs(
        config_maps=tuple(sorted(maps | set(_whole(spec, "configMapRef")))),
        secrets=tuple(
            sorted(secrets | set(_whole(spec, "secretRef")) | set(_auth(spec, feeds or {})))
        ),
    )


def feeds_of(spec: Workload) -> tuple[str, ...]:
    """The feeds a spec names, in its order, none twice."""
    if isinstance(spec, ConnectorSpec):
        return (spec.feed,)
    if isinstance(spec, ArchiverSpec):
        return tuple(dict.fromkeys(each.feed for each in spec.sources))
    if isinstance(spec, SecmasterSyncSpec | QualityCheckSpec):
        return spec.feeds
    return ()


def environment_of(spec: Workload) -> str | None:
    """The environment a spec names."""
    if isinstance(
        spec, ConnectorSpec | ArchiverSpec | SecmasterSyncSpec | QualityCheckSpec | ApiSpec
    ):
        return spec.environment
    return None


def _own_maps(spec: Workload) -> Iterator[str]:
    if (environment := environment_of(spec)) is not None:
        yield environment_map(environment)
    if isinstance(spec, QualityCheckSpec) and spec.policy is not None:
        yield spec.policy.config_map


def _whole(spec: Workload, reference: str) -> Iterator[str]:
    for each in spec.env_from:
        named = each.get(reference)
        if (
            isinstance(named, dict)
            and isinstance(named.get("name"), str)
            and not named.get("optional")
        ):
            yield named["name"]


def _auth(spec: Workload, feeds: Mapping[str, FeedConfig]) -> Iterator[str]:
    if isinstance(spec, ConnectorSpec) and spec.feed in feeds:
        auth = feeds[spec.feed].defaults.connector.auth
        if auth is not None:
            yield auth.secret
