"""Resources to render: plain ones, and ones in which everything is said."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec
import yaml

from ssmd.feeds import registry
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.feeds.feed import FeedConfig
from ssmd.operator.manifests import api, archiver, complaints, connector, scheduled
from ssmd.operator.manifests.facts import Facts, Manifest, Owner, Place
from ssmd.operator.names import Kind
from ssmd.operator.spec.api import ApiSpec, WatchedAddress
from ssmd.operator.spec.archiver import ArchiverSpec
from ssmd.operator.spec.connector import ConnectorSpec
from ssmd.operator.spec.schedules import QualityCheckSpec, SecmasterSyncSpec
from ssmd.runtime import settings

TODAY = date(2026, 11, 23)
IMAGE = "images.local:5000/ssmd/ssmd:1.4.0"
SPOT = registry.load_feed("kraken")
CLOSED = registry.load_feed("kalshi")
"""A feed whose venue wants an account, and whose listings state categories."""

PLAIN_ENVIRONMENT = "name: prod\ntransport: {url: 'nats://nats.bus:4222'}\n"

FULL_ENVIRONMENT = """\
name: prod
transport: {url: 'tls://one.bus:4443,tls://two.bus:4443'}
spool: {max_bytes: 17179869184}
secmaster: {database_url: 'postgresql://ssmd@master.db:6432/ssmd'}
keys:
  bus: {type: transport, fields: [user, password], source: 'env:BUS_USER,BUS_PASSWORD'}
  account: {type: api_key, fields: [api_key, private_key], source: 'file:/etc/ssmd/secrets/account/id,/etc/ssmd/secrets/account/key'}
"""

_ASKED = """\
image: images.local:5000/own/ssmd
version: 2.0.1
imagePullPolicy: Always
imagePullSecrets: [registry]
resources: {requests: {cpu: 500m, memory: 1Gi}, limits: {memory: 2Gi, ephemeral-storage: 2Gi}}
env: {LOG_LEVEL: debug}
envFrom: [{secretRef: {name: more, optional: true}}, {configMapRef: {name: shared}, prefix: S_}]
secretEnv:
  - {name: BUS_USER, secret: bus, key: user}
  - {name: BUS_PASSWORD, secret: bus, key: password}
secretFiles: [{secret: account}, {secret: ca.bundle, path: /etc/pki/own}]
nodeSelector: {disk: fast}
tolerations: [{key: dedicated, operator: Equal, value: capture, effect: NoSchedule}]
affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: zone, operator: In, values: [a]}]}]}}}
priorityClassName: capture
topologyKey: topology.kubernetes.io/zone
podLabels: {team: data}
podAnnotations: {note: kept}
serviceAccountName: cloud
runAsUser: 2000
terminationGraceS: 120
network:
  egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{protocol: TCP, port: 9999}]}]
  scrapers: [{namespaceSelector: {matchLabels: {name: monitoring}}}]
monitoring: {podMonitor: true, labels: {release: main}, intervalS: 30}
port: 9000
"""


def asked(kind: type[Any], text: str, *, full: bool = False) -> Any:  # noqa: ANN401 - of that kind
    """A spec, as a person writes it; with everything a pod can be asked for."""
    return settings.parse(text + (_ASKED if full else ""), kind, where="spec")


def divided() -> FeedConfig:
    """A feed of two divisions, deployed its own way, and with its credentials in a Secret."""
    plain = msgspec.to_builtins(CLOSED)
    plain["categories"] = {"crypto": ["Crypto"], "rates": ["Economics", "Financials"]}
    plain["defaults"] = {
        "connector": {
            "image": "images.local:5000/feed/ssmd",
            "version": "1.9.9",
            "resources": {"requests": {"cpu": "250m"}, "limits": {"memory": "3Gi"}},
            "auth": {
                "secret": "door",  # pragma: allowlist secret
                "fields": {"id": "api_key", "pem": "private_key"},
            },
        },
        "archiver": {"version": "1.9.8", "rotation_s": 300},
    }
    return settings.convert(plain, FeedConfig, where="feed")


def facts(
    kind: Kind,
    feeds: Mapping[str, FeedConfig] | None = None,
    environment: str = PLAIN_ENVIRONMENT,
    *,
    name: str = "north",
    today: date = TODAY,
) -> Facts:
    """What rendering needs besides a spec."""
    known = {"kraken": SPOT} if feeds is None else feeds
    return Facts(
        owner=Owner(kind=kind, name=name, namespace="lab", uid=f"uid-{name}"),
        environment=settings.parse(environment, EnvironmentConfig, where="env.yaml"),
        feeds=known,
        digests={f"configmap/feed-{feed}": "1" for feed in known} | {"configmap/env-prod": "1"},
        image=IMAGE,
        today=today,
    )


def connector_objects(spec: ConnectorSpec, known: Facts) -> list[Manifest]:
    """Everything of a Connector, each share in its first place."""
    assert complaints.of_connector(spec, known) == []
    places = [Place(share=share, slot="a") for share in connector.shares(spec, known)]
    parts = [connector.place(spec, known, place, running=True) for place in places]
    return [*(each for part in parts for each in part), *connector.shared(spec, known)]


def _connector_plain() -> list[Manifest]:
    spec = asked(ConnectorSpec, "{feed: kraken, environment: prod}")
    return connector_objects(spec, facts("Connector"))


def _connector_full() -> list[Manifest]:
    text = "feed: kalshi\nenvironment: prod\ncategories: [rates]\nreplicas: 2\n"
    text += "spool: {type: persistentVolumeClaim, size: 20Gi, storageClassName: fast}\n"
    spec = asked(ConnectorSpec, text, full=True)
    return connector_objects(spec, facts("Connector", {"kalshi": divided()}, FULL_ENVIRONMENT))


def _connector_of_defaults() -> list[Manifest]:
    spec = asked(ConnectorSpec, "{feed: kalshi, environment: prod}")
    return connector_objects(spec, facts("Connector", {"kalshi": divided()}))


def _archiver_plain() -> list[Manifest]:
    spec = asked(ArchiverSpec, "{environment: prod, sources: [{feed: kraken}]}")
    known = facts("Archiver")
    return [*archiver.objects(spec, known, running=True), archiver.drain_job(spec, known)]


def _archiver_full() -> list[Manifest]:
    text = """\
environment: prod
sources: [{feed: kraken, consumer: archive-north}, {feed: kalshi}]
storage: {size: 2Ti, storageClassName: slow, accessMode: ReadWriteOncePod, onDelete: delete}
rotation: {grace_s: 20}
commit: {interval_s: 2}
keepS: 86400
upload: {url: 's3://bucket/prefix', options: {aws_endpoint_url: 'https://store.local:9443'}, retention: {keep_s: 604800}}
drainDeadlineS: 600
"""
    spec = asked(ArchiverSpec, text, full=True)
    known = facts("Archiver", {"kraken": SPOT, "kalshi": divided()}, FULL_ENVIRONMENT)
    assert complaints.of_archiver(spec, known) == []
    return [*archiver.objects(spec, known, running=False), archiver.drain_job(spec, known)]


def _archiver_bare() -> list[Manifest]:
    text = "environment: prod\nsources: [{feed: kraken}]\ntables: false\n"
    text += "storage: {existingClaim: old.data}\nnetwork: {enabled: false}\n"
    spec = asked(ArchiverSpec, text)
    return archiver.objects(spec, facts("Archiver"), running=True)


def _secmaster_plain() -> list[Manifest]:
    text = "{environment: prod, feeds: [kraken], schedule: '@hourly', secretEnv: [{name: DATABASE_URL, secret: db, key: url}]}"
    return scheduled.secmaster(asked(SecmasterSyncSpec, text), facts("SecmasterSync"))


def _secmaster_full() -> list[Manifest]:
    text = "environment: prod\nfeeds: [kraken, kalshi]\nschedule: '17 * * * *'\n"
    text += "timeZone: America/New_York\nmode: incremental\nchanges: {enabled: true, replicas: 3}\n"
    spec = asked(SecmasterSyncSpec, text, full=True)
    feeds = {"kraken": SPOT, "kalshi": divided()}
    known = facts("SecmasterSync", feeds, FULL_ENVIRONMENT)
    assert complaints.of_secmaster(spec, known) == []
    return scheduled.secmaster(spec, known)


def _quality_plain() -> list[Manifest]:
    text = "{environment: prod, feeds: [kraken], schedule: '0 6 * * *', archive: {archiver: north}}"
    spec = asked(QualityCheckSpec, text)
    return scheduled.quality(spec, facts("QualityCheck"), "north-archiver-data")


def _quality_full() -> list[Manifest]:
    text = "environment: prod\nfeeds: [kraken, kalshi]\nschedule: '0 6 * * *'\nsuspend: true\n"
    text += "archive: {claim: old.data}\nprometheusUrl: 'http://prometheus.monitoring:9090'\n"
    text += "policy: {configMap: policy}\nnotify: true\nretries: 0\nkeep: 1\ndeadlineS: 900\n"
    spec = asked(QualityCheckSpec, text, full=True)
    feeds = {"kraken": SPOT, "kalshi": divided()}
    known = facts("QualityCheck", feeds, FULL_ENVIRONMENT)
    assert complaints.of_quality(spec, known) == []
    return scheduled.quality(spec, known, "old.data")


def _api_plain() -> list[Manifest]:
    text = "{environment: prod, archive: {archiver: north}, secretEnv: [{name: DATABASE_URL, secret: db, key: url}]}"
    spec, known = asked(ApiSpec, text), facts("Api", {})
    assert complaints.of_api(spec, known) == []
    return api.objects(spec, known, "north-archiver-data", one_node=True)


def _api_full() -> list[Manifest]:
    text = """\
environment: prod
archive: {archiver: north}
replicas: 3
address: "::"
httpPort: 8443
service: {type: LoadBalancer, port: 80, annotations: {cloud/internal: "true"}}
clients: [{podSelector: {matchLabels: {app: gateway}}}]
corsOrigins: ['https://desk.local']
identityHeader: X-User
trustedProxies: [10.0.0.0/8]
services:
  - {name: kraken, url: 'http://north-connector.lab.svc:8081'}
  - {name: far, url: 'https://far.local'}
limits: {threads: 8, request_s: 30}
live: {clients: 200}
keys: {rate: 5}
"""
    spec, known = asked(ApiSpec, text, full=True), facts("Api", {}, FULL_ENVIRONMENT)
    assert complaints.of_api(spec, known) == []
    found = [WatchedAddress(name="north-archiver", url="http://north-archiver.lab.svc:8080")]
    return api.objects(spec, known, "north-archiver-data", one_node=False, found=found)


def _api_of_a_claim() -> list[Manifest]:
    text = "{environment: prod, archive: {claim: old.data}, network: {enabled: false}, env: {DATABASE_URL: 'postgresql://db/x'}}"
    spec, known = asked(ApiSpec, text), facts("Api", {})
    return api.objects(spec, known, "old.data", one_node=False)


SCENES = {
    "connector-plain": _connector_plain,
    "connector-full": _connector_full,
    "connector-of-defaults": _connector_of_defaults,
    "archiver-plain": _archiver_plain,
    "archiver-full": _archiver_full,
    "archiver-bare": _archiver_bare,
    "secmaster-plain": _secmaster_plain,
    "secmaster-full": _secmaster_full,
    "quality-plain": _quality_plain,
    "quality-full": _quality_full,
    "api-plain": _api_plain,
    "api-full": _api_full,
    "api-of-a-claim": _api_of_a_claim,
}
"""Every scene, by the name of its golden file."""


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as people do."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def as_text(objects: list[Manifest]) -> str:
    """Objects as a file for people; what stands twice is written twice."""
    plain = msgspec.json.decode(msgspec.json.encode(objects))
    return yaml.dump_all(plain, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)


def templates(objects: list[Manifest]) -> list[Any]:
    """Every pod template among objects."""
    plain: list[Any] = list(objects)
    found = []
    for each in plain:
        if each["kind"] in {"Deployment", "Job"}:
            found.append(each["spec"]["template"])
        if each["kind"] == "CronJob":
            found.append(each["spec"]["jobTemplate"]["spec"]["template"])
    return found
