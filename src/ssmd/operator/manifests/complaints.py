"""Why a resource cannot be what it asks for: found before there is a pod that cannot work. Pure."""

from collections.abc import Iterator
from typing import Final

from ssmd.feeds import registry
from ssmd.feeds.feed import FeedConfig
from ssmd.model.errors import ConfigError
from ssmd.operator.manifests import api_files, archiver_files, credentials
from ssmd.operator.manifests.complaint import Complaint
from ssmd.operator.manifests.facts import Facts
from ssmd.operator.manifests.quantity import mebibytes, number
from ssmd.operator.manifests.variables import RESERVED, given
from ssmd.operator.spec.api import ApiSpec
from ssmd.operator.spec.archiver import ArchiverSpec
from ssmd.operator.spec.connector import ConnectorSpec
from ssmd.operator.spec.schedules import QualityCheckSpec, SecmasterSyncSpec
from ssmd.operator.spec.workload import Workload

_REFUSED: Final = "RefusedByVenue"
_ROOM: Final = 1.05
"""A volume of exactly the spool's bound is full before: files have heads, folders have room."""


def of_connector(spec: ConnectorSpec, facts: Facts) -> list[Complaint]:
    """What is wrong with a Connector; nothing is to be rendered before all of it is right."""
    feed = facts.feeds[spec.feed]
    found = [*_environment(spec.environment, facts), *_feed(spec.feed, feed, facts)]
    if any(each.reason == _REFUSED for each in found):
        return found  # a venue that nobody knows cannot be asked what it wants
    return [
        *found,
        *_categories(spec, feed),
        *_bus(spec, facts),
        *_database(spec, facts, [feed]),
        *credentials.of_connector(spec, feed, facts.environment),
        *_spool(spec, facts),
        *_variables(spec),
    ]


def of_archiver(spec: ArchiverSpec, facts: Facts) -> list[Complaint]:
    """What is wrong with an Archiver."""
    return [
        *_environment(spec.environment, facts),
        *(
            each
            for source in spec.sources
            for each in _named(source.feed, facts.feeds[source.feed])
        ),
        *_files(spec, facts),
        *_bus(spec, facts),
        *credentials.of_bus(spec, facts.environment),
        *_variables(spec),
    ]


def of_secmaster(spec: SecmasterSyncSpec, facts: Facts) -> list[Complaint]:
    """What is wrong with a SecmasterSync."""
    feeds = [facts.feeds[name] for name in spec.feeds]
    found = [
        *_environment(spec.environment, facts),
        *(
            each
            for name, feed in zip(spec.feeds, feeds, strict=True)
            for each in _feed(name, feed, facts)
        ),
        *_named_database(
            spec, facts, "What venues list goes into a PostgreSQL, and none is named."
        ),
        *_variables(spec),
    ]
    if spec.changes.enabled:
        found += [
            *_bus(spec, facts),
            *_changes_stream(facts),
            *credentials.of_bus(spec, facts.environment),
        ]
    return found


def of_quality(spec: QualityCheckSpec, facts: Facts) -> list[Complaint]:
    """What is wrong with a QualityCheck; without bus, database or Prometheus it judges by less."""
    return [
        *_environment(spec.environment, facts),
        *(each for name in spec.feeds for each in _named(name, facts.feeds[name])),
        *credentials.of_keys(spec, facts.environment),
        *_judged_streams(spec, facts),
        *_variables(spec),
    ]


def of_api(spec: ApiSpec, facts: Facts) -> list[Complaint]:
    """What is wrong with an Api; without a bus it serves all but what is live."""
    return [
        *_environment(spec.environment, facts),
        *_api_file(spec, facts),
        *_named_database(spec, facts, "Keys, and what venues list, are in a PostgreSQL."),
        *credentials.of_bus(spec, facts.environment),
        *_variables(spec),
    ]


def _refused(condition: str, reason: str, error: ConfigError | str) -> Complaint:
    return Complaint(condition=condition, reason=reason, message=str(error))


def _environment(name: str, facts: Facts) -> Iterator[Complaint]:
    if facts.environment.name != name:
        yield Complaint(
            condition="FeedConfigValid",
            reason="WrongName",
            message=f"The env.yaml of the ConfigMap env-{name} has the `name`"
            f" {facts.environment.name!r}: subjects would begin with it. Give both one name.",
        )
    for feed in facts.feeds.values():
        try:
            facts.environment.require_feed(feed.name)
        except ConfigError as error:
            yield _refused("FeedConfigValid", "WrongEnvironment", error)


def _named(name: str, feed: FeedConfig) -> Iterator[Complaint]:
    if feed.name != name:
        yield Complaint(
            condition="FeedConfigValid",
            reason="WrongName",
            message=f"The feed.yaml of the ConfigMap feed-{name} has the `name` {feed.name!r}: it"
            " would be recorded as that. Give both one name.",
        )
    for sentence in registry.check(feed):
        yield _refused("FeedConfigValid", _REFUSED, f"The feed {name!r}: {sentence}")


def _feed(name: str, feed: FeedConfig, facts: Facts) -> Iterator[Complaint]:
    yield from _named(name, feed)
    try:
        feed.effective(facts.today)
    except ConfigError as error:
        reason = "FeedDisabled" if feed.status == "disabled" else "NoEffectiveVersion"
        yield _refused("FeedConfigValid", reason, error)
    try:
        registry.streams_of(feed, facts.environment)
    except ConfigError as error:
        yield _refused("StreamReady", "AmbiguousStream", error)


def _categories(spec: ConnectorSpec, feed: FeedConfig) -> Iterator[Complaint]:
    for category in spec.categories:
        try:
            feed.divided(category)
        except ConfigError as error:
            reason = "UnknownCategory" if feed.categories else "NotDivided"
            yield _refused("FeedConfigValid", reason, error)


def _bus(spec: Workload, facts: Facts) -> Iterator[Complaint]:
    """A process that finds no address asks its own pod, for ever."""
    if facts.environment.transport.url is None and not _may_have(spec, "NATS_URL"):
        yield Complaint(
            condition="StreamReady",
            reason="NoBus",
            message=f"The environment {facts.environment.name!r} names no `transport.url`, and the"
            " pods are given no NATS_URL. Write the address into env.yaml, or NATS_URL under"
            " `env` or `secretEnv`.",
        )


def _database(spec: Workload, facts: Facts, feeds: list[FeedConfig]) -> Iterator[Complaint]:
    for feed in feeds:
        if feed.universe.secmaster is not None:
            yield from _named_database(
                spec,
                facts,
                f"The feed {feed.name!r} follows the security master, and no database is named.",
            )


def _named_database(spec: Workload, facts: Facts, why: str) -> Iterator[Complaint]:
    if facts.environment.secmaster.database_url is None and not _may_have(spec, "DATABASE_URL"):
        yield Complaint(
            condition="Ready",
            reason="NoDatabase",
            message=f"{why} Give DATABASE_URL under `secretEnv`, or `secmaster.database_url` in"
            " env.yaml.",
        )


def _changes_stream(facts: Facts) -> Iterator[Complaint]:
    named = facts.environment.secmaster.stream
    if named is not None:
        yield Complaint(
            condition="StreamReady",
            reason="AmbiguousStream",
            message=f"The environment {facts.environment.name!r} names `secmaster.stream` {named!r};"
            " changes that are told from here go to the usual stream of the environment. Remove it"
            " from env.yaml.",
        )


def _judged_streams(spec: QualityCheckSpec, facts: Facts) -> Iterator[Complaint]:
    """The check is told the environment by its name; what else it names must stand elsewhere."""
    named = facts.environment.transport.stream
    if named is None or spec.policy is not None:
        return
    for name in spec.feeds:
        if facts.feeds[name].quality.stream is None:
            yield Complaint(
                condition="StreamReady",
                reason="AmbiguousStream",
                message=f"The environment {facts.environment.name!r} names `transport.stream`"
                f" {named!r}, and the check would look for the feed {name!r} in its usual one. Write"
                f" `quality: {{stream: ...}}` into its feed.yaml, or remove it from env.yaml.",
            )


def _spool(spec: ConnectorSpec, facts: Facts) -> Iterator[Complaint]:
    bound, size = facts.environment.spool.max_bytes, number(spec.spool.size)
    kept = facts.environment.spool.min_free_bytes
    if bound * _ROOM + kept > size:
        yield Complaint(
            condition="Ready",
            reason="SpoolTooSmall",
            message=f"A spool may grow to {mebibytes(bound)} (`spool.max_bytes` of env.yaml) beside"
            f" {mebibytes(kept)} that stay free, and its volume holds {spec.spool.size}: the pod"
            " would be put out, or stand still, before the spool says that it is full. Set"
            f" `spool.size` to {mebibytes(int(bound * _ROOM) + kept)} or more, or lower the bound.",
        )
    if spec.spool.type == "emptyDir" and spec.resources is not None:
        yield from _disk(spec, bound)


def _disk(spec: ConnectorSpec, bound: int) -> Iterator[Complaint]:
    limit = None if spec.resources is None else spec.resources.limits.get("ephemeral-storage")
    if limit is not None and number(limit) < bound * _ROOM:
        yield Complaint(
            condition="Ready",
            reason="SpoolTooSmall",
            message=f"`resources.limits` allow {limit} of the node's disk, and the spool, which is"
            f" there, may grow to {mebibytes(bound)}: the pod would be put out. Raise"
            " ephemeral-storage, or keep the spool on a persistentVolumeClaim.",
        )


def _files(spec: ArchiverSpec, facts: Facts) -> Iterator[Complaint]:
    try:
        archiver_files.files(spec, facts)
    except ConfigError as error:
        of_feed = not error.message.startswith("spec")
        yield _refused(
            "FeedConfigValid" if of_feed else "Ready",
            "InvalidSources" if of_feed else "InvalidSpec",
            error,
        )


def _api_file(spec: ApiSpec, facts: Facts) -> Iterator[Complaint]:
    try:
        api_files.files(spec, facts)
    except ConfigError as error:
        yield _refused("Ready", "InvalidSpec", error)


def _variables(spec: Workload) -> Iterator[Complaint]:
    for name in sorted(given(spec) & RESERVED):
        yield Complaint(
            condition="Ready",
            reason="ReservedVariable",
            message=f"`env` gives {name}, which the pod needs as it is. Remove it.",
        )


def _may_have(spec: Workload, variable: str) -> bool:
    """Whether a variable is given, or may be: nobody here reads what `envFrom` names."""
    return variable in given(spec) or bool(spec.env_from)
