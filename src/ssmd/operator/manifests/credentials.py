"""Whether a pod is given the credentials it will ask for. Pure."""

from collections.abc import Collection, Iterable, Iterator

from ssmd.feeds import registry
from ssmd.feeds.account import strangers, variables_of
from ssmd.feeds.environment import EnvironmentConfig, KeyConfig
from ssmd.feeds.feed import FeedConfig
from ssmd.operator.manifests import mounts
from ssmd.operator.manifests.complaint import Complaint
from ssmd.operator.manifests.variables import BUS, credentials, given, places
from ssmd.operator.spec.connector import ConnectorSpec
from ssmd.operator.spec.workload import Workload


def of_connector(
    spec: ConnectorSpec, feed: FeedConfig, environment: EnvironmentConfig
) -> Iterator[Complaint]:
    """What is missing of what opens the feed's venue, and the bus."""
    others = strangers(feed, environment, registry.names())  # a pod knows those alone
    keys = {
        name: key
        for name, key in environment.keys.items()
        if key.type == "transport" or (key.type == "api_key" and name not in others)
    }
    yield from _missing(spec, keys, {str(each["name"]) for each in credentials(feed)})
    yield from _account(spec, feed, keys.values())


def of_bus(spec: Workload, environment: EnvironmentConfig) -> Iterator[Complaint]:
    """What is missing of what opens the bus, for processes that read no env.yaml."""
    keys = {name: key for name, key in environment.keys.items() if key.type == "transport"}
    yield from _missing(spec, {n: k for n, k in keys.items() if k.source.startswith("env:")})
    for name, key in keys.items():
        variables = [BUS[field] for field in key.fields if field in BUS]
        if key.source.startswith("file:") and key.required and not _are_given(spec, variables):
            yield Complaint(
                condition="StreamReady",
                reason="BusKeyInFile",
                message=f"The key {name!r} of env.yaml is in a file, which this process does not"
                f" read. Give {' and '.join(variables)} under `secretEnv`, or let the key's source"
                " be `env:`.",
            )


def of_keys(spec: Workload, environment: EnvironmentConfig) -> Iterator[Complaint]:
    """What is missing of what opens the bus, for processes that are told the keys themselves."""
    keys = {name: key for name, key in environment.keys.items() if key.type == "transport"}
    yield from _missing(spec, keys)


def _missing(
    spec: Workload, keys: dict[str, KeyConfig], more: Collection[str] = ()
) -> Iterator[Complaint]:
    """Keys whose variable or file nobody gives; what `envFrom` gives nobody here can know."""
    folders = [mount.path for mount in mounts.secrets(spec.secret_files)]
    for name, key in keys.items():
        if not key.required:
            continue
        for field, place in places(key):
            if key.source.startswith("env:"):
                if place not in {*given(spec), *more} and not spec.env_from:
                    yield _absent(name, field, f"the variable {place}", "`secretEnv`")
            elif not any(place.startswith(f"{folder}/") for folder in folders):
                yield _absent(name, field, f"the file {place}", "`secretFiles`")


def _absent(key: str, field: str, place: str, where: str) -> Complaint:
    return Complaint(
        condition="Ready",
        reason="MissingCredential",
        message=f"The key {key!r} of env.yaml takes its {field!r} from {place}, which no pod is"
        f" given. Name the Secret under {where}.",
    )


def _account(
    spec: ConnectorSpec, feed: FeedConfig, keys: Iterable[KeyConfig]
) -> Iterator[Complaint]:
    """A venue that lets nobody in without an account ends a connector that has none."""
    has = {str(each["name"]) for each in credentials(feed)} | given(spec)
    fields = {field for key in keys if key.type == "api_key" for field in key.fields}
    missing = [
        f"`{field}` ({variable})"
        for field, variable in variables_of(registry.venue(feed)).items()
        if field not in fields and variable not in has
    ]
    if missing and not spec.env_from:
        yield Complaint(
            condition="Ready",
            reason="MissingCredential",
            message=f"The venue of the feed {feed.name!r} lets nobody in without an account, and no"
            f" pod is given {' and '.join(missing)}. Name the Secret under `secretEnv`, under"
            " `defaults.connector.auth` of feed.yaml, or write a key into env.yaml.",
        )


def _are_given(spec: Workload, variables: list[str]) -> bool:
    return bool(spec.env_from) or set(variables) <= given(spec)
