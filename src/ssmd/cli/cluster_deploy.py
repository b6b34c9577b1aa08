"""`ssmd connector deploy`, `ssmd archiver deploy`: record a feed, archive it, in a cluster."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from ssmd.cli.cluster import Where, asked, cluster_options
from ssmd.cli.durations import DurationType
from ssmd.cli.output import Output, examples, output_options
from ssmd.feeds import environments, registry
from ssmd.feeds.folder import own_feeds
from ssmd.feeds.upload import UploadSettings
from ssmd.model.errors import ConfigError, Unavailable
from ssmd.operator.cluster import Cluster
from ssmd.operator.fleet import deploying, view
from ssmd.operator.fleet.deploying import Put, Result
from ssmd.operator.names import API_VERSION, Kind
from ssmd.runtime import settings
from ssmd.runtime.clock import SystemClock

_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_LOOK_S: Final = 1.0
_file_option = click.option("--file", "-f", "file", type=_FILE, help="Resources out of a file.")
_env_option = click.option(
    "--env", "environment", help="The environment: its name in the cluster, or an env.yaml to put."
)
_image_option = click.option("--image", help="Another image than the feed's or the operator's.")
_dry_option = click.option(
    "--dry-run", is_flag=True, help="Have the API server check everything, and keep nothing."
)
_force_option = click.option(
    "--force", is_flag=True, help="Take fields that belong to somebody else (a GitOps tool, say)."
)
_wait_option = click.option("--wait", is_flag=True, help="Until it is ready.")
_timeout_option = click.option(
    "--timeout", type=DurationType(), default="5m", show_default=True, metavar="TIME"
)


@click.command(
    "deploy",
    epilog=examples(
        ("ssmd connector deploy spot --feed my-feed.yaml --env env.yaml", "with its configuration"),
        ("ssmd connector deploy spot --feed my-feed --env prod --replicas 3", "by names"),
        ("ssmd connector deploy -f connector.yaml --dry-run", "check a file against the cluster"),
    ),
)
@click.argument("name", required=False)
@click.option("--feed", help="The feed: a name, or a feed.yaml to put as ConfigMap `feed-NAME`.")
@_env_option
@click.option("--replicas", type=click.IntRange(0, 64), help="Processes that share it.")
@click.option("--category", "categories", multiple=True, help="Only this category; repeatable.")
@_image_option
@_file_option
@_dry_option
@_force_option
@_wait_option
@_timeout_option
@cluster_options
@output_options
def connector(
    name: str | None,
    feed: str | None,
    environment: str | None,
    replicas: int | None,
    categories: tuple[str, ...],
    image: str | None,
    file: Path | None,
    **rest: Any,  # noqa: ANN401 - the options that both commands share
) -> None:
    """Record a feed in a cluster. What is there already is changed to what is asked for.

    A file is put as ConfigMap each time; a name only when the cluster has none of it yet.
    """
    if file is not None:
        _refuse_both(name, feed, environment)
        _deploy("Connector", _read(file, "Connector"), **rest)
        return
    if feed is None or environment is None:
        raise click.UsageError("Give --feed and --env, or --file.")
    found, put_feed = _feed(feed)
    put_environment, environment_name = _environment(environment)
    spec: dict[str, Any] = {"feed": found, "environment": environment_name}
    spec |= {"replicas": replicas} if replicas is not None else {}
    spec |= {"categories": list(categories)} if categories else {}
    spec |= _image(image)
    resource = Put(manifest=deploying.resource("Connector", name or found, spec))
    _deploy("Connector", [put_feed, *put_environment, resource], **rest)


@click.command(
    "deploy",
    epilog=examples(
        ("ssmd archiver deploy archive --env prod --feed my-feed --size 500Gi", ""),
        ("ssmd archiver deploy archive --env prod --feed my-feed --upload upload.yaml", ""),
        ("ssmd archiver deploy -f archiver.yaml --dry-run", "check a file against the cluster"),
    ),
)
@click.argument("name", required=False)
@click.option("--feed", "feeds", multiple=True, help="A feed to archive, as for `connector`.")
@_env_option
@click.option("--size", help="Size of the volume, as 500Gi.")
@click.option("--storage-class", help="Its class; default: the cluster's.")
@click.option("--upload", type=_FILE, help="An upload.yaml: where sealed files go besides.")
@_image_option
@_file_option
@_dry_option
@_force_option
@_wait_option
@_timeout_option
@cluster_options
@output_options
def archiver(
    name: str | None,
    feeds: tuple[str, ...],
    environment: str | None,
    size: str | None,
    storage_class: str | None,
    upload: Path | None,
    image: str | None,
    file: Path | None,
    **rest: Any,  # noqa: ANN401 - the options that both commands share
) -> None:
    """Archive feeds in a cluster. What is there already is changed to what is asked for."""
    if file is not None:
        _refuse_both(name, feeds, environment)
        _deploy("Archiver", _read(file, "Archiver"), **rest)
        return
    if not feeds or environment is None or name is None:
        raise click.UsageError("Give a NAME, --feed and --env, or --file.")
    found = [_feed(feed) for feed in feeds]
    put_environment, environment_name = _environment(environment)
    storage = {"size": size, "storageClassName": storage_class}
    spec: dict[str, Any] = {
        "environment": environment_name,
        "sources": [{"feed": each} for each, _ in found],
        "storage": {key: value for key, value in storage.items() if value is not None},
    }
    if upload is not None:
        spec["upload"] = msgspec.to_builtins(settings.load(upload, UploadSettings))
    spec |= _image(image)
    resource = Put(manifest=deploying.resource("Archiver", name, spec))
    _deploy("Archiver", [*(put for _, put in found), *put_environment, resource], **rest)


def _feed(name_or_path: str) -> tuple[str, Put]:
    """A feed's name and its ConfigMap: a file is put always, a known name once."""
    feed = registry.load_feed(name_or_path, own_feeds())
    path = registry.path_of(name_or_path, own_feeds())
    return feed.name, deploying.feed(
        feed.name, path.read_text(), only_if_absent=name_or_path == feed.name
    )


def _environment(name_or_path: str) -> tuple[list[Put], str]:
    """An environment's ConfigMap, unless only the cluster knows it; and its name."""
    known = name_or_path in environments.names()
    if not known and Path(name_or_path).suffix not in {".yaml", ".yml", ".json"}:
        return [], name_or_path
    found = environments.load_environment(name_or_path)
    text = environments.path_of(name_or_path).read_text()
    return [deploying.environment(found.name, text, only_if_absent=known)], found.name


def _image(image: str | None) -> dict[str, str]:
    """The image and its tag, taken apart."""
    if image is None:
        return {}
    name, colon, version = image.rpartition(":")
    if not colon or "/" in version:
        return {"image": image}
    return {"image": name, "version": version}


def _read(file: Path, kind: Kind) -> list[Put]:
    documents = settings.documents(file)
    if not documents:
        raise ConfigError(f"{file}: there is nothing in it.", remedy=f"Write a {kind}.")
    return deploying.read(documents, str(file), kind)


def _refuse_both(*given: object) -> None:
    if any(given):
        raise click.UsageError("--file says everything: leave the name, --feed and --env out.")


def _deploy(
    kind: Kind,
    objects: Sequence[Put],
    *,
    dry_run: bool,
    force: bool,
    wait: bool,
    timeout: float,
    where: Where,
    as_json: bool,
    quiet: bool,
) -> None:
    output = Output(json=as_json, quiet=quiet)

    async def ask(cluster: Cluster) -> list[Result]:
        results = await deploying.put(cluster, objects, force=force, dry_run=dry_run)
        for each in results:
            output.lines(f"{each.kind} {each.name}: {each.done}{' (dry run)' * dry_run}")
        for name in [] if dry_run else await deploying.missing(cluster, objects):
            output.note(f"ConfigMap {name} is not there: nothing is recorded until it is.")
        if wait and not dry_run:
            for each in results:
                if each.kind == kind:
                    await _ready(cluster, kind, each.name, timeout, output)
        return results

    output.result(asked(ask, where))


async def _ready(cluster: Cluster, kind: Kind, name: str, timeout_s: float, output: Output) -> None:
    """Wait until it is ready, saying how it stands whenever that changes."""
    clock = SystemClock()
    deadline = clock.mono() + timeout_s
    said = ""
    while True:
        detail = view.detail(await cluster.get(API_VERSION, kind, name), [])
        if view.is_well(detail):
            output.lines(f"{kind} {name}: ready")
            return
        why = [each.message for each in detail.conditions if each.is_trouble]
        now = why[0] if why else f"{detail.line.phase}, {detail.line.ready}/{detail.line.wanted}"
        if now != said:
            output.note(f"{kind} {name}: {now}")
            said = now
        if clock.mono() > deadline:
            raise Unavailable(
                f"{kind} {name!r} is not ready after {timeout_s:g} s: {now}",
                remedy=f"See `ssmd {kind.lower()} status {name}` and its logs.",
            )
        await clock.sleep(_LOOK_S)
