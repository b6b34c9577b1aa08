"""What is wrong with a resource is said before there is a pod, with a reason and what to do."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.universe import Master, Universe
from ssmd.operator.manifests import complaints
from ssmd.operator.manifests.complaint import Complaint
from ssmd.operator.spec.api import ApiSpec
from ssmd.operator.spec.archiver import ArchiverSpec
from ssmd.operator.spec.connector import ConnectorSpec
from ssmd.operator.spec.schedules import QualityCheckSpec, SecmasterSyncSpec
from ssmd.operator.spec.status import CONDITIONS
from tests.operator.manifests.scenes import (
    CLOSED,
    FULL_ENVIRONMENT,
    PLAIN_ENVIRONMENT,
    SPOT,
    asked,
    divided,
    facts,
)

DATABASE = "secretEnv: [{name: DATABASE_URL, secret: db, key: url}]"
SECRET_KEY = "keys: {bus: {type: transport, fields: [token], source: 'env:BUS_TOKEN'}}\n"


def changed(feed: FeedConfig, **fields: Any) -> FeedConfig:  # noqa: ANN401 - whatever a field is
    """A feed with other fields."""
    return msgspec.structs.replace(feed, **fields)


def connector(
    text: str = "",
    *,
    feed: FeedConfig = SPOT,
    environment: str = PLAIN_ENVIRONMENT,
    name: str = "",
) -> list[Complaint]:
    """What is said about a connector."""
    spec = asked(ConnectorSpec, f"{{feed: {name or feed.name}, environment: prod, {text}}}")
    known = facts("Connector", {spec.feed: feed}, environment)
    return complaints.of_connector(spec, known)


def archiver(text: str = "", environment: str = PLAIN_ENVIRONMENT) -> list[Complaint]:
    """What is said about an archiver."""
    sources = "" if "sources" in text else "sources: [{feed: kraken}], "
    spec = asked(ArchiverSpec, f"{{environment: prod, {sources}{text}}}")
    feeds = {"kraken": SPOT, "kalshi": divided()}
    return complaints.of_archiver(spec, facts("Archiver", feeds, environment))


def secmaster(text: str = "", environment: str = PLAIN_ENVIRONMENT) -> list[Complaint]:
    """What is said about a SecmasterSync."""
    spec = asked(
        SecmasterSyncSpec, f"{{environment: prod, feeds: [kraken], schedule: '@daily', {text}}}"
    )
    return complaints.of_secmaster(spec, facts("SecmasterSync", None, environment))


def quality(text: str = "", environment: str = PLAIN_ENVIRONMENT) -> list[Complaint]:
    """What is said about a QualityCheck."""
    feeds = "" if "feeds" in text else "feeds: [kraken], "
    spec = asked(
        QualityCheckSpec,
        f"{{environment: prod, schedule: '@daily', archive: {{claim: c}}, {feeds}{text}}}",
    )
    known = facts("QualityCheck", {"kraken": SPOT, "kalshi": CLOSED}, environment)
    return complaints.of_quality(spec, known)


def api(text: str = DATABASE, environment: str = PLAIN_ENVIRONMENT) -> list[Complaint]:
    """What is said about an Api."""
    spec = asked(ApiSpec, f"{{environment: prod, archive: {{claim: c}}, {text}}}")
    return complaints.of_api(spec, facts("Api", {}, environment))


def following() -> FeedConfig:
    """A feed that follows the security master."""
    channels = SPOT.universe.channels
    return changed(
        SPOT, universe=Universe(source="secmaster", channels=channels, secmaster=Master())
    )


Case = tuple[str, Callable[[], list[Complaint]], str, str, str]

CASES: list[Case] = [
    ("disabled", lambda: connector(feed=changed(SPOT, status="disabled")),
     "FeedConfigValid", "FeedDisabled", "status: active"),
    ("misnamed feed", lambda: connector(name="other"),
     "FeedConfigValid", "WrongName", "feed-other"),
    ("misnamed environment", lambda: connector(environment="{name: test, transport: {url: 'nats://b'}}"),
     "FeedConfigValid", "WrongName", "env-prod"),
    ("environment of another feed", lambda: connector(environment=PLAIN_ENVIRONMENT + "feed: other\n"),
     "FeedConfigValid", "WrongEnvironment", "other"),
    ("unknown venue", lambda: connector(feed=changed(SPOT, venue="nowhere")),
     "FeedConfigValid", "RefusedByVenue", "no venue 'nowhere'"),
    ("unknown category", lambda: connector("categories: [crypt]", feed=divided()),
     "FeedConfigValid", "UnknownCategory", "crypto"),
    ("category of an undivided feed", lambda: connector("categories: [spot]"),
     "FeedConfigValid", "NotDivided", "categories"),
    ("one stream for two divisions",
     lambda: connector(feed=divided(), environment="{name: prod, transport: {url: 'nats://b', stream: X}}"),
     "StreamReady", "AmbiguousStream", "Remove it from env.yaml"),
    ("no bus", lambda: connector(environment="{name: prod}"), "StreamReady", "NoBus", "NATS_URL"),
    ("no database", lambda: connector(feed=following()), "Ready", "NoDatabase", "DATABASE_URL"),
    ("no account", lambda: connector(feed=CLOSED), "Ready", "MissingCredential", "secretEnv"),
    ("no variable of a key", lambda: connector(environment=PLAIN_ENVIRONMENT + SECRET_KEY),
     "Ready", "MissingCredential", "BUS_TOKEN"),
    ("no file of a key", lambda: connector(feed=CLOSED, environment=FULL_ENVIRONMENT,
     text="spool: {size: 20Gi}, secretFiles: [{secret: other}], secretEnv: [{name: BUS_USER, secret: s, key: u}, {name: BUS_PASSWORD, secret: s, key: p}]"),
     "Ready", "MissingCredential", "/etc/ssmd/secrets/account/id"),
    ("volume below the bound", lambda: connector("spool: {size: 8Gi}"),
     "Ready", "SpoolTooSmall", "spool.size"),
    ("volume of just the bound", lambda: connector("spool: {size: 8192Mi, type: persistentVolumeClaim}"),
     "Ready", "SpoolTooSmall", "8730Mi"),
    ("disk below the bound", lambda: connector("resources: {limits: {ephemeral-storage: 1Gi}}"),
     "Ready", "SpoolTooSmall", "ephemeral-storage"),
    ("reserved variable", lambda: connector("env: {POD_IP: 1.2.3.4}"),
     "Ready", "ReservedVariable", "POD_IP"),
    ("archiver without bus", lambda: archiver(environment="{name: prod}"),
     "StreamReady", "NoBus", "NATS_URL"),
    ("rotation", lambda: archiver("rotation: {intervall_s: 900}"),
     "Ready", "InvalidSpec", "interval_s"),
    ("commit", lambda: archiver("commit: {interval_s: 0}"), "Ready", "InvalidSpec", "commit"),
    ("upload", lambda: archiver("upload: {bucket: b}"), "Ready", "InvalidSpec", "bucket"),
    ("source's category", lambda: archiver("sources: [{feed: kalshi, categories: [crypt]}]"),
     "FeedConfigValid", "InvalidSources", "crypto"),
    ("one consumer for two streams", lambda: archiver("sources: [{feed: kalshi, consumer: archive-x}]"),
     "FeedConfigValid", "InvalidSources", "one category"),
    ("bus key in a file", lambda: archiver(environment=PLAIN_ENVIRONMENT +
     "keys: {bus: {type: transport, fields: [token], source: 'file:/run/token'}}\n"),
     "StreamReady", "BusKeyInFile", "NATS_TOKEN"),
    ("bus key nobody gives", lambda: archiver(environment=PLAIN_ENVIRONMENT + SECRET_KEY),
     "Ready", "MissingCredential", "BUS_TOKEN"),
    ("check without its key", lambda: quality(environment=PLAIN_ENVIRONMENT + SECRET_KEY),
     "Ready", "MissingCredential", "BUS_TOKEN"),
    ("sync without database", secmaster, "Ready", "NoDatabase", "DATABASE_URL"),
    ("changes without bus", lambda: secmaster(f"{DATABASE}, changes: {{enabled: true}}", "{name: prod}"),
     "StreamReady", "NoBus", "NATS_URL"),
    ("changes to a named stream", lambda: secmaster(f"{DATABASE}, changes: {{enabled: true}}",
     PLAIN_ENVIRONMENT + "secmaster: {stream: OWN}\n"), "StreamReady", "AmbiguousStream", "OWN"),
    ("a stream that the check is not told", lambda: quality("",
     "{name: prod, transport: {url: 'nats://b', stream: X}}"),
     "StreamReady", "AmbiguousStream", "quality: {stream"),
    ("api without database", lambda: api(""), "Ready", "NoDatabase", "DATABASE_URL"),
    ("api of another environment", lambda: api(environment="name: test\n"),
     "FeedConfigValid", "WrongName", "env-prod"),
    ("bounds of requests", lambda: api(f"{DATABASE}, limits: {{thread: 5}}"),
     "Ready", "InvalidSpec", 'mean "threads"'),
    ("bounds of streams", lambda: api(f"{DATABASE}, live: {{clients: 0}}"),
     "Ready", "InvalidSpec", "live.clients"),
    ("a proxy that is no network", lambda: api(f"{DATABASE}, trustedProxies: [10.0.0.0/40]"),
     "Ready", "InvalidSpec", "10.0.0.0/40"),
    ("a service without host", lambda: api(f"{DATABASE}, services: [{{name: a, url: 'http://[::1'}}]"),
     "Ready", "InvalidSpec", "services"),
    ("api without its bus key", lambda: api(environment=PLAIN_ENVIRONMENT + SECRET_KEY),
     "Ready", "MissingCredential", "BUS_TOKEN"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("judge", "condition", "reason", "word"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_what_is_wrong_is_said(
    judge: Callable[[], list[Complaint]], condition: str, reason: str, word: str
) -> None:
    """One complaint, about the condition that does not hold, which says where and what to do."""
    found = judge()
    assert {(each.condition, each.reason) for each in found} == {(condition, reason)}
    assert word in found[0].message
    assert condition in CONDITIONS
    assert all(each.message.endswith(".") for each in found)


FINE: list[tuple[str, Callable[[], list[Complaint]]]] = [
    ("plain", connector),
    ("more replicas than symbols", lambda: connector("replicas: 64")),
    ("bus by a variable", lambda: connector("env: {NATS_URL: 'nats://b'}", environment="{name: prod}")),
    ("bus by envFrom", lambda: connector("envFrom: [{secretRef: {name: bus}}]", environment="{name: prod}")),
    ("all categories", lambda: connector(feed=divided())),
    ("database by a Secret", lambda: connector(DATABASE, feed=following())),
    ("account by variables", lambda: connector(
        "secretEnv: [{name: KALSHI_API_KEY, secret: s, key: a}, {name: KALSHI_PRIVATE_KEY, secret: s, key: b}]",
        feed=CLOSED)),
    ("account by files", lambda: connector(feed=CLOSED, environment=FULL_ENVIRONMENT,
     text="spool: {size: 20Gi}, secretFiles: [{secret: account}], secretEnv: [{name: BUS_USER, secret: s, key: u}, {name: BUS_PASSWORD, secret: s, key: p}]")),
    ("a key that need not be", lambda: connector(environment=PLAIN_ENVIRONMENT +
     "keys: {bus: {type: transport, fields: [token], source: 'env:T', required: false}}\n")),
    ("another feed's key", lambda: connector(environment=PLAIN_ENVIRONMENT +
     "keys: {kalshi: {type: api_key, fields: [a], source: 'env:T'}}\n")),
    ("archiver", archiver),
    ("archiver of a division", lambda: archiver("sources: [{feed: kalshi, categories: [rates], stream: X, consumer: archive-x}]")),
    ("bus key passed on", lambda: archiver("secretEnv: [{name: BUS_TOKEN, secret: s, key: t}]",
     PLAIN_ENVIRONMENT + SECRET_KEY)),
    ("sync", lambda: secmaster(DATABASE)),
    ("api", api),
    ("api without a bus", lambda: api(environment="{name: prod}")),
    ("api whose database is the environment's", lambda: api("", PLAIN_ENVIRONMENT +
     "secmaster: {database_url: 'postgresql://ssmd@db/ssmd'}\n")),
    ("check", quality),
    ("check of a named stream, with a policy", lambda: quality("policy: {configMap: p}",
     "{name: prod, transport: {url: 'nats://b', stream: X}}")),
    ("check with a key in a file", lambda: quality("secretFiles: [{secret: bus}]", PLAIN_ENVIRONMENT +
     "keys: {bus: {type: transport, fields: [token], source: 'file:/etc/ssmd/secrets/bus/token'}}\n")),
]  # fmt: skip


@pytest.mark.parametrize("judge", [each[1] for each in FINE], ids=[each[0] for each in FINE])
def test_nothing_is_said_of_what_is_right(judge: Callable[[], list[Complaint]]) -> None:
    """No complaint keeps a resource from its pods that would work."""
    assert judge() == []


def test_several_faults_are_said_at_once() -> None:
    """Nobody has to correct one thing to learn of the next."""
    found = connector("env: {HOME: /root}, spool: {size: 1Gi}", environment="{name: prod}")
    assert {each.reason for each in found} == {"NoBus", "SpoolTooSmall", "ReservedVariable"}
