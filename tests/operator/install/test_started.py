"""What the Deployment starts is what the command line understands."""

import click

from ssmd.cli.operator_run import run
from ssmd.operator import install
from tests.operator.install.judged import plain
from tests.operator.install.test_install import each_way, one


@each_way
def test_the_pod_is_started_by_options_that_exist(wanted: install.Wanted) -> None:
    """What the Deployment says is what `ssmd operator run` understands."""
    objects = plain(install.manifests(wanted))
    (container,) = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    group, name, *arguments = container["args"]
    assert (group, name) == ("operator", "run")
    known = {option for each in run.get_params(click.Context(run)) for option in each.opts}
    assert {word for word in arguments if word.startswith("--")} <= known
    assert ("--all-namespaces" in arguments) is wanted.cluster_wide
    names = {each["name"]: each.get("value") for each in container["env"]}
    assert {"POD_IP", "POD_NAME", "POD_NAMESPACE"} <= set(names)
    assert names["SSMD_IMAGE"] == container["image"] == wanted.image
