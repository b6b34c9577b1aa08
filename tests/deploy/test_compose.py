"""The compose file: our commands, our files, other people's programs, and what each may do."""

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from click import ClickException
from scripts import compose_secrets

from ssmd.bus.embedded import find_program
from ssmd.bus.keys import read_seed
from ssmd.connector.feed import secrets_of
from ssmd.feeds import registry
from ssmd.feeds.archiver import ArchiverConfig
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.feeds.machine import MachineConfig
from ssmd.model.errors import ConfigError
from ssmd.runtime import settings
from tests.deploy.commands import parse
from tests.observability.server import promtool
from tests.shared import REPOSITORY

FOLDER = REPOSITORY / "deploy" / "compose"
FILE = FOLDER / "compose.yaml"
PROJECT: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = PROJECT["services"]
OURS = {name: each for name, each in SERVICES.items() if "SSMD_IMAGE" in each["image"]}
ONCE = {"bus-owner"}
VARIABLE = re.compile(r"\$\{(\w+)(:[?-][^}]*)?\}")
each_service = pytest.mark.parametrize("name", SERVICES)
each_of_ours = pytest.mark.parametrize("name", OURS)


def example() -> dict[str, str]:
    """The variables of env.example."""
    lines = (FOLDER / "env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def mounts(service: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What is mounted, where, and how."""
    for text in service.get("volumes", []):
        source, target, *mode = text.split(":")
        yield source, target, "".join(mode)


def here(service: dict[str, Any], word: str) -> str:
    """A word of a command with the container's file as it lies in the repository."""
    for source, target, _ in mounts(service):
        if source.startswith(".") and target in word:
            return word.replace(target, str((FOLDER / source).resolve()))
    return word


@each_of_ours
def test_every_command_is_one_of_ours(name: str, tmp_path: Path) -> None:
    """Each option exists, each file it names is mounted, each value is acceptable."""
    service = SERVICES[name]
    words = [here(service, str(word)) for word in service["command"]]
    context = parse(
        [str(tmp_path) if word in {"/data", "/var/lib/ssmd"} else word for word in words]
    )
    assert context.params
    for word in service["command"]:
        if str(word).startswith("/") and not str(word).startswith("/etc/"):
            assert word in {target for _, target, _ in mounts(service)}, "it would not outlive it"


def test_a_command_that_is_not_ours_is_seen() -> None:
    """The test above can fail."""
    for words in (
        ["archiver", "rum"],
        ["archiver", "run", "--conf", "x"],
        ["cdc", "run", "--replicas", "9"],
    ):
        with pytest.raises(ClickException):
            parse(words)


@each_service
def test_a_container_may_do_nothing_but_its_work(name: str) -> None:
    """Read-only, no capability, no way to more, not root, and started again when it dies."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "pid", "ipc", "devices"} & set(service)
    assert service["logging"]["options"]["max-size"]
    if name in ONCE:
        assert (service["cap_add"], service["network_mode"]) == (["CHOWN"], "none")
        return
    assert "cap_add" not in service
    assert int(service["user"].split(":")[0]) > 0
    assert service["restart"] in {"unless-stopped", "always"}
    assert "test" in service["healthcheck"] or name == "quality"
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@each_service
def test_an_image_is_named_by_its_tag_and_no_registry(name: str) -> None:
    """`latest` moves; whose mirror is used is for whoever runs it to say."""
    image = SERVICES[name]["image"]
    found = VARIABLE.fullmatch(image)
    assert found is not None, "it cannot be replaced by one with a digest"
    if found[1] != "SSMD_IMAGE":
        default = found[2].removeprefix(":-")
        assert re.fullmatch(r"([a-z]+/)?[a-z]+:v?\d[\w.-]*", default), default


@each_service
def test_everything_that_is_mounted_is_there(name: str) -> None:
    """A file that is missing becomes an empty folder, and a container that does not start."""
    service = SERVICES[name]
    for source, target, mode in mounts(service):
        if source.startswith("."):
            assert (FOLDER / source).exists(), source
            assert mode == "ro", target
        else:
            assert source in PROJECT["volumes"]
    for secret in service.get("secrets", []):
        assert secret in PROJECT["secrets"]


def test_nothing_is_declared_that_nobody_uses() -> None:
    """Volumes, secrets, networks and what they are of."""
    used = {source for each in SERVICES.values() for source, _, _ in mounts(each)}
    assert set(PROJECT["volumes"]) == {each for each in used if not each.startswith(".")}
    named = {each for service in SERVICES.values() for each in service.get("secrets", [])}
    assert set(PROJECT["secrets"]) == named
    assert set(PROJECT["networks"]) == {n for s in SERVICES.values() for n in s.get("networks", [])}


def test_secrets_are_files_and_stand_nowhere_else() -> None:
    """Not in the environment, where `docker inspect` shows them, and not in the repository."""
    for service in SERVICES.values():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASS|SECRET|TOKEN|SEED|KEY", variable) and variable != "NATS_PUBLIC_KEY":
                assert str(value).startswith("/run/secrets/"), variable
    assert all(each["file"].startswith("./secrets/") for each in PROJECT["secrets"].values())
    ignored = (FOLDER / ".gitignore").read_text(encoding="utf-8").split()
    assert {"/.env", "/secrets/"} <= set(ignored)


def test_the_bus_and_the_database_are_seen_by_nobody_outside() -> None:
    """Only who talks to venues, or is looked at, is on the network that leads out."""
    assert PROJECT["networks"]["inside"]["internal"] is True
    for name in ("nats", "postgres", "archiver", "compactor", "cdc"):
        assert SERVICES[name]["networks"] == ["inside"]
        assert "ports" not in SERVICES[name]


def test_every_variable_is_explained() -> None:
    """What has no default stands in env.example; what stands there is used."""
    text = FILE.read_text(encoding="utf-8")
    wanted = {name for name, default in VARIABLE.findall(text) if not default.startswith(":-")}
    told = example()
    assert wanted <= set(told)
    known = {name for name, _ in VARIABLE.findall(text)} | {"COMPOSE_PROFILES"}
    assert set(told) <= known


def test_our_files_are_what_our_programs_read() -> None:
    """Typed, strict, and of one mind: each connector's stream is archived, and judged."""
    environment = settings.load(FOLDER / "env.yaml", EnvironmentConfig)
    archive = settings.load(FOLDER / "archiver.yaml", ArchiverConfig)
    machine = settings.load(FOLDER / "ssmd.yaml", MachineConfig)
    connectors = [s for name, s in OURS.items() if name.startswith("connector-")]
    names = [each["command"][each["command"].index("--feed") + 1] for each in connectors]
    assert sorted(names) == registry.names()
    always = {
        name for name, each in zip(names, connectors, strict=True) if not each.get("profiles")
    }
    wanted = {
        (at.stream, feed)
        for feed in always
        for at in registry.streams_of(registry.load_feed(feed), environment)
    }
    wanted.add((environment.changes_stream(), "secmaster"))
    assert {(source.stream, source.feed) for source in archive.sources} == wanted
    assert {choice.feed for choice in machine.feeds} == always
    assert (machine.environment, machine.nats_url) == (environment.name, environment.transport.url)
    for each in ("secmaster", "cdc"):
        words = SERVICES[each]["command"]
        assert words[words.index("--env-name") + 1] == environment.name
    assert archive.storage.path == machine.dir == "/data"


def test_what_is_commented_out_for_an_account_is_right_too() -> None:
    """Taking the comment signs away gives files that load, and name every feed there is."""
    texts = {
        name: re.sub(r"(?m)^( +)# - ", r"\1- ", (FOLDER / name).read_text(encoding="utf-8"))
        for name in ("archiver.yaml", "ssmd.yaml")
    }
    archive = settings.parse(texts["archiver.yaml"], ArchiverConfig, where="archiver.yaml")
    machine = settings.parse(texts["ssmd.yaml"], MachineConfig, where="ssmd.yaml")
    assert {each.feed for each in archive.sources} == {*registry.names(), "secmaster"}
    assert {each.feed for each in machine.feeds} == set(registry.names())
    environment = settings.load(FOLDER / "env.yaml", EnvironmentConfig)
    secret = {f"/run/secrets/{name}" for name in SERVICES["connector-kalshi"]["secrets"]}
    for key in environment.keys.values():
        assert set(key.source.removeprefix("file:").split(",")) <= secret


def test_a_feed_without_an_account_needs_nobodys_key() -> None:
    """One env.yaml serves all: only the feed whose name a key has looks for its files."""
    environment = settings.load(FOLDER / "env.yaml", EnvironmentConfig)
    for name in registry.names():
        feed = registry.load_feed(name)
        if name in environment.keys:
            with pytest.raises(ConfigError, match="/run/secrets/"):
                secrets_of(feed, environment, date(2026, 11, 23))
        else:
            assert not secrets_of(feed, environment, date(2026, 11, 23))


def test_prometheus_scrapes_every_service(tmp_path: Path) -> None:
    """By promtool; each of ours that has a health server is a target."""
    text = (FOLDER / "prometheus.yml").read_text(encoding="utf-8")
    found = yaml.safe_load(re.sub(r"# - ", "- ", text))
    (job,) = found["scrape_configs"]
    wanted = {f"{name}:8080" for name in OURS if name != "quality"}
    assert {t for each in job["static_configs"] for t in each["targets"]} == wanted
    (tmp_path / "rules").symlink_to(REPOSITORY / "deploy" / "observability" / "rules")
    (tmp_path / "prometheus.yml").write_text(text, encoding="utf-8")
    checked = promtool("check", "config", tmp_path / "prometheus.yml")
    assert checked.returncode == 0, checked.stderr


def test_grafana_finds_its_source_and_its_dashboards() -> None:
    """The provisioned folder is where they are mounted; the source is the Prometheus beside it."""
    source = yaml.safe_load((FOLDER / "grafana/datasources/prometheus.yaml").read_text())
    assert [each["url"] for each in source["datasources"]] == ["http://prometheus:9090"]
    provider = yaml.safe_load((FOLDER / "grafana/dashboards/ssmd.yaml").read_text())
    paths = {each["options"]["path"] for each in provider["providers"]}
    mounted = {target: source for source, target, _ in mounts(SERVICES["grafana"])}
    (path,) = paths
    assert list((FOLDER / mounted[path]).glob("*.json"))


@pytest.mark.integration
def test_the_bus_takes_its_configuration(tmp_path: Path) -> None:
    """A real nats-server reads it, with the key that our script makes, and not without one."""
    public = compose_secrets.make(tmp_path / "secrets")

    def check(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        words = [str(find_program()), "-t", "-c", str(FOLDER / "nats.conf")]
        return subprocess.run(words, env=env, capture_output=True, text=True, check=False)

    good = check({"NATS_PUBLIC_KEY": public})
    assert good.returncode == 0, good.stderr
    assert check({}).returncode != 0
    assert check({"NATS_PUBLIC_KEY": "UNOKEY"}).returncode != 0


def test_secrets_are_made_once_and_belong_to_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Again changes nothing: a password that changed would lock the database."""
    folder = tmp_path / "secrets"
    assert compose_secrets.main([str(folder)]) == 0
    said = capsys.readouterr().out
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert compose_secrets.main([str(folder)]) == 0
    assert capsys.readouterr().out == said
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert set(before) == set(compose_secrets.OWNERS)
    wanted = {Path(each["file"]).name for each in PROJECT["secrets"].values()}
    assert set(before) == {name for name in wanted if not name.startswith("kalshi")}
    assert all(path.stat().st_mode & 0o777 == 0o400 for path in folder.iterdir())
    assert before["pgpass"].decode().strip().endswith(before["postgres_password"].decode())
    public = read_seed(before["nats.nk"].decode()).public
    assert said == f"NATS_PUBLIC_KEY={public}\n"
    assert public.startswith("U")
    assert compose_secrets.main([]) == 2


def test_each_reads_the_secrets_that_are_its_own() -> None:
    """The script gives each file to the user of the container that mounts it."""
    for service in SERVICES.values():
        for secret in service.get("secrets", []):
            owner = compose_secrets.OWNERS.get(Path(PROJECT["secrets"][secret]["file"]).name)
            if owner is not None:
                assert service["user"].startswith(f"{owner}:"), secret


def test_it_survives_being_read_by_another_parser() -> None:
    """Merge keys and anchors give plain values: nothing is left of them in what compose sees."""
    assert "<<" not in json.dumps(PROJECT["services"])
