"""`ssmd operator manifests`: everything that puts the operator into a cluster, as text."""

import json
import re
from collections.abc import Sequence
from typing import Any, Final, Literal

import click
import yaml

from ssmd.cli.output import Output, examples, output_options
from ssmd.operator import install
from ssmd.operator.crds.definitions import definitions

_NAMESPACE: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def documents(objects: Sequence[Any]) -> str:
    """Objects as YAML documents: no anchors, each field in its order."""
    texts = (
        yaml.safe_dump(json.loads(json.dumps(each)), sort_keys=False, allow_unicode=True, width=100)
        for each in objects
    )
    return "---\n".join(texts)


def _namespace(_: click.Context, __: click.Parameter, value: str) -> str:
    if not _NAMESPACE.fullmatch(value):
        raise click.BadParameter("a namespace has lower-case letters, digits and inner dashes")
    return value


@click.command(
    epilog=examples(
        ("ssmd operator manifests | kubectl apply -f -", "install it, or bring it up to date"),
        ("ssmd operator manifests --crds-only", "only the kinds of resources"),
        ("ssmd operator manifests --namespace lab --create-namespace", "in a namespace of its own"),
    )
)
@click.option(
    "--namespace",
    "-n",
    default=install.NAMESPACE,
    show_default=True,
    callback=_namespace,
    help="Where it is, and what it watches.",
)
@click.option("--create-namespace", is_flag=True, help="Begin with the namespace itself.")
@click.option("--cluster-wide", is_flag=True, help="Watch every namespace.")
@click.option(
    "--image",
    default=install.IMAGE,
    show_default=True,
    help="What it runs, and what its resources run that name no image.",
)
@click.option(
    "--replicas",
    type=click.IntRange(1, 5),
    default=2,
    show_default=True,
    help="Pods of the operator; one works, the others wait.",
)
@click.option("--crds-only", is_flag=True, help="Only the CustomResourceDefinitions.")
@click.option(
    "--format",
    "written",
    type=click.Choice(["yaml", "json"]),
    default="yaml",
    show_default=True,
    help="YAML documents, or one List in JSON.",
)
@output_options
def manifests(
    *,
    namespace: str,
    create_namespace: bool,
    cluster_wide: bool,
    image: str,
    replicas: int,
    crds_only: bool,
    written: Literal["yaml", "json"],
    as_json: bool,
    quiet: bool,
) -> None:
    """Print CustomResourceDefinitions, rights, and the operator's Deployment.

    Nothing is read from, or written to, a cluster.
    """
    output = Output(json=as_json, quiet=quiet)
    wanted = install.Wanted(
        namespace=namespace,
        create_namespace=create_namespace,
        cluster_wide=cluster_wide,
        image=image,
        replicas=replicas,
    )
    objects = definitions() if crds_only else install.manifests(wanted)
    whole = {"apiVersion": "v1", "kind": "List", "items": objects}
    output.lines(
        json.dumps(whole, indent=2) if written == "json" else documents(objects).rstrip("\n")
    )
    output.result(whole)
