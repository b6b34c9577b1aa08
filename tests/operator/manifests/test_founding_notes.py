"""One test by name for each complaint that the earlier operator's reviews made.

The complaints: founding notes of 2026-02-07, and the list of fixes that followed.
"""

import re
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

import ssmd.operator
from ssmd import venues
from ssmd.feeds import registry
from ssmd.feeds.archiver import ArchiverConfig
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.machine import MachineConfig
from ssmd.feeds.universe import Master, Universe
from ssmd.feeds.upload import UploadSettings
from ssmd.model.errors import ConfigError
from ssmd.operator import names
from ssmd.operator.manifests import archiver, complaints, connector, scheduled, variables
from ssmd.operator.manifests.archiver_files import CONFIG_KEY, UPLOAD_KEY
from ssmd.operator.manifests.facts import Facts, Manifest, Share
from ssmd.operator.manifests.variables import SCRATCH
from ssmd.operator.spec.archiver import ArchiverSpec
from ssmd.operator.spec.connector import ConnectorSpec
from ssmd.operator.spec.schedules import QualityCheckSpec, SecmasterSyncSpec
from ssmd.runtime import settings
from tests.operator.manifests.pod_security import violations
from tests.operator.manifests.scenes import (
    CLOSED,
    FULL_ENVIRONMENT,
    PLAIN_ENVIRONMENT,
    SCENES,
    SPOT,
    as_text,
    asked,
    connector_objects,
    divided,
    facts,
    templates,
)

PLAIN = "{feed: kraken, environment: prod}"


def pod_of(spec: ConnectorSpec, known: Facts) -> Any:  # noqa: ANN401 - a tree of plain values
    """The pod of the first share."""
    return templates(connector_objects(spec, known))[0]


def test_configuration_is_mounted_not_rebuilt() -> None:
    """A connector reads the ConfigMaps of feed and environment, whole; the operator writes none."""
    objects: list[Any] = connector_objects(asked(ConnectorSpec, PLAIN), facts("Connector"))
    assert not [each for each in objects if each["kind"] in {"ConfigMap", "Secret"}]
    spec = templates(objects)[0]["spec"]
    sources = {each["name"]: each["configMap"] for each in spec["volumes"] if "configMap" in each}
    assert {key: each["name"] for key, each in sources.items()} == {
        "feed": "feed-kraken",
        "environment": "env-prod",
    }
    assert all("items" not in each for each in sources.values())
    args = spec["containers"][0]["args"]
    assert args[args.index("--feed") + 1] == "/etc/ssmd/feed/feed.yaml"
    assert args[args.index("--env") + 1] == "/etc/ssmd/env/env.yaml"


def test_a_change_of_configuration_rolls_the_pods() -> None:
    """Another ConfigMap, another Secret, another effective version: another revision."""
    spec = asked(
        ConnectorSpec, "{feed: kraken, environment: prod, secretFiles: [{secret: account}]}"
    )
    share, known = Share(replica=0), facts("Connector")
    before = connector.revision(spec, known, share)
    for name in ("configmap/feed-kraken", "configmap/env-prod", "secret/account"):
        changed = msgspec.structs.replace(known, digests={**known.digests, name: "2"})
        assert connector.revision(spec, changed, share) != before
    foreign = msgspec.structs.replace(known, digests={**known.digests, "secret/other": "2"})
    assert connector.revision(spec, foreign, share) == before
    assert connector.revision(spec, facts("Connector"), share) == before


def test_an_archiver_is_not_rolled_by_what_it_does_not_read() -> None:
    """Other symbols of a feed are nothing to the archiver; another bus is, or another Secret."""
    text = "{environment: prod, sources: [{feed: kraken}], secretFiles: [{secret: account}]}"
    spec, known = asked(ArchiverSpec, text), facts("Archiver")

    def pods(seen: Facts) -> Any:  # noqa: ANN401 - trees of plain values
        return templates(archiver.objects(spec, seen, running=True))

    before = pods(known)
    for name in ("configmap/feed-kraken", "configmap/env-prod"):
        changed = msgspec.structs.replace(known, digests={**known.digests, name: "2"})
        assert pods(changed) == before
    secret = {**known.digests, "secret/account": "2"}
    assert pods(msgspec.structs.replace(known, digests=secret)) != before
    assert pods(facts("Archiver", environment=FULL_ENVIRONMENT)) != before
    longer = msgspec.structs.replace(spec, keep_s=1)  # changes nothing but the file it is told by
    assert templates(archiver.objects(longer, known, running=True)) != before


def test_a_version_of_the_feed_rolls_the_pods_on_its_day() -> None:
    """The version that is effective is the one that counts, not the first in the file."""
    plain = msgspec.to_builtins(SPOT)
    later = plain["versions"][0] | {"version": "v3", "effective_from": "2026-12-01"}
    plain["versions"] = [*plain["versions"], later]
    feeds = {"kraken": settings.convert(plain, FeedConfig, where="feed")}
    days = (date(2026, 11, 29), date(2026, 11, 30), date(2026, 12, 1))
    spec, share = asked(ConnectorSpec, PLAIN), Share(replica=0)
    seen = [connector.revision(spec, facts("Connector", feeds, today=day), share) for day in days]
    assert seen[0] == seen[1] != seen[2]


def test_the_endpoint_comes_from_the_feed_alone() -> None:
    """No address of a venue stands in anything that is rendered, and no placeholder ever."""
    for scene in SCENES.values():
        text = as_text(scene())
        assert "wss:" not in text
        assert "example.com" not in text
        assert "MISSING" not in text


def test_without_an_effective_version_there_is_no_pod() -> None:
    """A feed that cannot be recorded today is said to be so, instead of recorded wrongly."""
    known = facts("Connector", today=date(2020, 1, 1))
    (complaint,) = complaints.of_connector(asked(ConnectorSpec, PLAIN), known)
    assert (complaint.condition, complaint.reason) == ("FeedConfigValid", "NoEffectiveVersion")


def test_no_exchange_is_named_in_the_operator() -> None:
    """No venue's id and no venue's title stands anywhere in the operator's code."""
    folder = Path(ssmd.operator.__path__[0])
    words = {word for name in venues.names() for word in (name, venues.load(name).title)}
    pattern = re.compile("|".join(re.escape(word) for word in words), re.IGNORECASE)
    files = [file for file in folder.rglob("*") if file.suffix in {".py", ".yaml", ".sql", ".txt"}]
    assert len(files) > 20
    assert [str(file) for file in files if pattern.search(file.read_text(encoding="utf-8"))] == []
    assert pattern.search("class KalshiReconciler")


@pytest.mark.parametrize("name", registry.names())
def test_auth_is_generic(name: str) -> None:
    """Each venue's credentials get variables by one rule, from whatever Secret the feed names."""
    plain = msgspec.to_builtins(registry.load_feed(name))
    account = venues.load(plain["venue"]).account
    fields = [] if account is None else [each.name for each in account.credentials]
    auth = {
        "secret": "door",  # pragma: allowlist secret
        "fields": {f"key-{field}": field for field in fields},
    }
    plain["defaults"] = {"connector": {"auth": auth}} if fields else {}
    feed = settings.convert(plain, FeedConfig, where="feed")
    spec = asked(ConnectorSpec, f"{{feed: {name}, environment: prod}}")
    known = facts("Connector", {name: feed})
    assert complaints.of_connector(spec, known) == []
    found = {each["name"]: each for each in pod_of(spec, known)["spec"]["containers"][0]["env"]}
    for field in fields:
        variable = f"{plain['venue']}_{field}".upper().replace("-", "_")
        reference = found[variable]["valueFrom"]["secretKeyRef"]
        assert reference == {"name": "door", "key": f"key-{field}"}
    own = set(found) - variables.RESERVED
    assert len(own) == len(fields)


def test_a_feed_without_an_account_is_given_none() -> None:
    """Nothing is injected for everybody: only what is asked for."""
    env = pod_of(asked(ConnectorSpec, PLAIN), facts("Connector"))["spec"]["containers"][0]["env"]
    assert {each["name"] for each in env} == variables.RESERVED


def test_universe_models_need_no_operator_change() -> None:
    """Symbols named one by one, found at the venue, or in the security master: one rendering."""
    channels = SPOT.universe.channels
    found = CLOSED.universe.discovery
    assert found is not None
    models = {
        "static": SPOT.universe,
        "discovery": Universe(source="discovery", channels=channels, discovery=found),
        "secmaster": Universe(source="secmaster", channels=channels, secmaster=Master()),
    }
    environment = PLAIN_ENVIRONMENT + "secmaster: {database_url: 'postgresql://u@db/ssmd'}\n"
    pods, talks = {}, {}
    for model, universe in models.items():
        feed = msgspec.structs.replace(SPOT, universe=universe)
        known = facts("Connector", {"kraken": feed}, environment)
        spec = asked(ConnectorSpec, PLAIN)
        assert complaints.of_connector(spec, known) == []
        pods[model] = pod_of(spec, known)
        (policy,) = [
            each for each in connector.shared(spec, known) if each["kind"] == "NetworkPolicy"
        ]
        talks[model] = ports_of(policy)
    assert pods["static"] == pods["discovery"] == pods["secmaster"]
    assert talks["static"] == talks["discovery"] == talks["secmaster"] - {5432}


def ports_of(policy: Any) -> set[int]:  # noqa: ANN401 - a tree of plain values
    """The ports that a policy lets through to elsewhere."""
    return {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}


def test_no_secmaster_block_where_it_is_not_used() -> None:
    """A feed that does not follow the security master is neither given nor asked for one."""
    known = facts("Connector")
    spec = asked(ConnectorSpec, PLAIN)
    assert complaints.of_connector(spec, known) == []
    (policy,) = [each for each in connector.shared(spec, known) if each["kind"] == "NetworkPolicy"]
    assert 5432 not in ports_of(policy)


def test_streams_are_derived_from_environment_and_feed() -> None:
    """An archiver's streams are what its feeds' connectors fill, division by division."""
    spec = asked(ArchiverSpec, "{environment: prod, sources: [{feed: kraken}, {feed: kalshi}]}")
    known = facts("Archiver", {"kraken": SPOT, "kalshi": divided()})
    config = settings.parse(file_of(spec, known, CONFIG_KEY), ArchiverConfig, where="it")
    wanted = [
        (each.stream, name)
        for name, feed in known.feeds.items()
        for each in registry.streams_of(feed, known.environment)
    ]
    assert [(each.stream, each.feed) for each in config.sources] == wanted
    assert len({stream for stream, _ in wanted}) == 3


def file_of(spec: ArchiverSpec, known: Facts, key: str) -> str:
    """A file of an archiver's own ConfigMap."""
    objects: list[Any] = archiver.objects(spec, known, running=True)
    (found,) = [each for each in objects if each["kind"] == "ConfigMap"]
    return str(found["data"][key])


def test_transport_field_names_match_the_deserializer() -> None:
    """Every file of our own making is read back by the reader that will read it, to the same."""
    upload = "{url: 's3://b/p', retention: {keep_s: 5}}"
    text = f"{{environment: prod, sources: [{{feed: kraken}}], rotation: {{interval_s: 60}}, commit: {{bytes: 65536}}, upload: {upload}}}"
    spec, known = asked(ArchiverSpec, text), facts("Archiver", environment=FULL_ENVIRONMENT)
    config = settings.parse(file_of(spec, known, CONFIG_KEY), ArchiverConfig, where="it")
    assert config.url == known.environment.transport.url
    assert (config.rotation.interval_s, config.commit.bytes) == (60, 65536)
    told = settings.parse(file_of(spec, known, UPLOAD_KEY), UploadSettings, where="it")
    assert told == settings.parse(upload, UploadSettings, where="it")
    check = asked(
        QualityCheckSpec,
        "{environment: prod, feeds: [kraken], schedule: '@daily', archive: {claim: c}}",
    )
    objects: list[Any] = scheduled.quality(
        check, facts("QualityCheck", environment=FULL_ENVIRONMENT), "c"
    )
    machine = settings.parse(objects[0]["data"]["ssmd.yaml"], MachineConfig, where="it")
    environment = machine.environment_config()
    assert (environment.name, environment.transport.url) == (
        "prod",
        known.environment.transport.url,
    )
    assert environment.secmaster == known.environment.secmaster


def test_the_old_spelling_of_the_transport_is_answered() -> None:
    """`transport_type` is refused, with the word that was meant."""
    with pytest.raises(ConfigError, match=r"transport_type.*type"):
        settings.parse(
            "{name: prod, transport: {transport_type: nats}}", EnvironmentConfig, where="env"
        )


def test_pods_are_as_secure_as_hand_made() -> None:
    """Each pod is what a careful person would write: nothing writable but what it needs, no token."""
    for scene in SCENES.values():
        for template in templates(scene()):
            assert violations(template) == []
            spec = template["spec"]
            assert spec["automountServiceAccountToken"] is False
            assert spec["enableServiceLinks"] is False
            sources = {each["name"]: each for each in spec["volumes"]}
            for container in spec["containers"]:
                assert container["securityContext"]["readOnlyRootFilesystem"] is True
                mounts = {each["mountPath"]: each for each in container["volumeMounts"]}
                writable = {path for path, each in mounts.items() if not each.get("readOnly")}
                assert writable <= {SCRATCH, "/data", "/var/lib/ssmd"}
                env = {each["name"]: each.get("value") for each in container["env"]}
                assert {env["HOME"], env["TMPDIR"]} == {SCRATCH}
                assert all(
                    "sizeLimit" in v["emptyDir"] for v in sources.values() if "emptyDir" in v
                )


def test_what_is_mounted_may_be_read_by_the_pod_alone() -> None:
    """Files of ConfigMaps and Secrets are for user and group; our reader refuses others."""
    for scene in SCENES.values():
        for template in templates(scene()):
            for volume in template["spec"]["volumes"]:
                source = volume.get("configMap") or volume.get("secret")
                assert source is None or source["defaultMode"] == 0o440


def test_one_naming_convention() -> None:
    """Every object is `{cr-name}-{component}[-{suffix}]`."""
    for scene in SCENES.values():
        objects: list[Any] = scene()
        for each in objects:
            component = each["metadata"]["labels"][names.COMPONENT]
            assert re.fullmatch(rf"north-{component}(-[a-z0-9-]+)?", each["metadata"]["name"])


def test_same_named_resources_do_not_collide() -> None:
    """A Connector and an Archiver of one name have no object in common, nor a pod."""
    kinds: dict[str, str] = {}
    for scene in ("connector-full", "archiver-full", "secmaster-full", "quality-full", "api-full"):
        objects: list[Any] = SCENES[scene]()
        for each in objects:
            key = f"{each['kind']}/{each['metadata']['name']}"
            assert kinds.setdefault(key, scene) == scene


def test_defaults_of_the_feed_are_used() -> None:
    """Image, version, resources and credentials come from the feed, unless the spec says."""
    known = facts("Connector", {"kalshi": divided()})
    found = pod_of(asked(ConnectorSpec, "{feed: kalshi, environment: prod}"), known)
    (container,) = found["spec"]["containers"]
    assert container["image"] == "images.local:5000/feed/ssmd:1.9.9"
    assert container["resources"] == {"requests": {"cpu": "250m"}, "limits": {"memory": "3Gi"}}
    own = "{feed: kalshi, environment: prod, version: '2.0', resources: {limits: {memory: 1Gi}}}"
    (container,) = pod_of(asked(ConnectorSpec, own), known)["spec"]["containers"]
    assert container["image"] == "images.local:5000/feed/ssmd:2.0"
    assert container["resources"] == {"limits": {"memory": "1Gi"}}


def test_the_archive_outlives_its_archiver() -> None:
    """The claim belongs to nobody, so that nothing deletes it; unless somebody asks for that."""

    def claims(text: str) -> list[Any]:
        spec = asked(ArchiverSpec, f"{{environment: prod, sources: [{{feed: kraken}}], {text}}}")
        objects: list[Manifest] = archiver.objects(spec, facts("Archiver"), running=True)
        return [each for each in objects if each["kind"] == "PersistentVolumeClaim"]

    (kept,) = claims("keepS: 0")
    assert "ownerReferences" not in kept["metadata"]
    (gone,) = claims("storage: {onDelete: delete}")
    assert gone["metadata"]["ownerReferences"][0]["uid"] == "uid-north"
    assert claims("storage: {existingClaim: old}") == []


def test_everything_else_goes_with_its_resource() -> None:
    """One controlling owner each: the garbage collector knows what to do."""
    for scene in SCENES.values():
        objects: list[Any] = scene()
        for each in objects:
            owners = each["metadata"].get("ownerReferences", [])
            kept = each["kind"] == "PersistentVolumeClaim" and not owners
            assert kept or [(o["controller"], o["blockOwnerDeletion"]) for o in owners] == [
                (True, True)
            ]


def test_two_archivers_never_write_one_volume() -> None:
    """The old pod goes before the new one comes, unless it only reads."""
    for scene in SCENES.values():
        objects: list[Any] = scene()
        for each in objects:
            if each["kind"] == "Deployment":
                containers = each["spec"]["template"]["spec"]["containers"]
                mounts = [mount for one in containers for mount in one["volumeMounts"]]
                writes = [
                    mount
                    for mount in mounts
                    if mount["mountPath"] != SCRATCH and not mount.get("readOnly")
                ]
                alone = each["spec"]["strategy"] == {"type": "Recreate"}
                assert alone or not writes
                assert alone or each["metadata"]["labels"][names.COMPONENT] == "api"


def test_a_listing_is_asked_by_the_feeds_that_are_mounted() -> None:
    """A SecmasterSync has no list of venues of its own: its feeds say which are asked, and where."""
    text = "{environment: prod, feeds: [kraken, kalshi], schedule: '@daily', env: {DATABASE_URL: 'postgresql://u@db/x'}}"
    spec = asked(SecmasterSyncSpec, text)
    known = facts("SecmasterSync", {"kraken": SPOT, "kalshi": CLOSED})
    assert complaints.of_secmaster(spec, known) == []
    (template,) = templates(scheduled.secmaster(spec, known))
    args = template["spec"]["containers"][0]["args"]
    files = [args[i + 1] for i, word in enumerate(args) if word == "--feed"]
    assert files == [f"/etc/ssmd/feeds/{name}/feed.yaml" for name in spec.feeds]
    mounted = {each["mountPath"] for each in template["spec"]["containers"][0]["volumeMounts"]}
    assert {str(Path(file).parent) for file in files} <= mounted
