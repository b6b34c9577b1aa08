"""What kustomize would make of `deploy/kustomize`.

There is no kustomize here: the few words our files use are resolved by these tests, and a word they do
not know fails.
"""

from pathlib import Path
from typing import Any

import pytest
from scripts import kubernetes

from ssmd.feeds import registry
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.feeds.feed import FeedConfig
from ssmd.operator import install
from ssmd.operator.names import API_VERSION, KINDS, environment_map, feed_map
from ssmd.operator.spec.parse import parse
from ssmd.runtime import settings
from tests.operator.install.judged import Object, judge, key, plain, read

FOLDER = kubernetes.FOLDER / "kustomize"
EXAMPLES = sorted((kubernetes.FOLDER / "examples").glob("*.yaml"))
WORDS = {"apiVersion", "kind", "resources", "configMapGenerator", "generatorOptions", "patches"}


def resolved(folder: Path) -> list[Object]:
    """The objects that a folder's kustomization.yaml stands for."""
    (wanted,) = read((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    assert set(wanted) <= WORDS, "a word these tests do not know"
    objects: list[Object] = []
    for name in wanted["resources"]:
        path = folder / name
        if path.is_dir():
            objects += resolved(path.resolve())
        else:
            assert path.parent == folder, "kustomize refuses files from outside of the folder"
            objects += read(path.read_text(encoding="utf-8"))
    suffixed = not wanted.get("generatorOptions", {}).get("disableNameSuffixHash", False)
    for each in wanted.get("configMapGenerator", ()):
        assert not suffixed, "the operator would not find it"
        objects.append(_generated(folder, each))
    for each in wanted.get("patches", ()):
        (patch,) = read((folder / each["path"]).read_text(encoding="utf-8"))
        (target,) = [found for found in objects if key(found) == key(patch)]
        objects[objects.index(target)] = _patched(target, patch)
    return objects


def _generated(folder: Path, wanted: Object) -> Object:
    assert set(wanted) == {"name", "namespace", "files"}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": wanted["name"], "namespace": wanted["namespace"]},
        "data": {name: (folder / name).read_text(encoding="utf-8") for name in wanted["files"]},
    }


def _patched(target: Any, patch: Any) -> Any:  # noqa: ANN401 - trees of plain values
    """A strategic merge: maps by key, lists by name."""
    if isinstance(target, dict) and isinstance(patch, dict):
        return target | {name: _patched(target.get(name), each) for name, each in patch.items()}
    if isinstance(target, list) and isinstance(patch, list):
        named = {each["name"]: each for each in target}
        assert {each["name"] for each in patch} <= set(named), "a patch of nothing"
        for each in patch:
            named[each["name"]] = _patched(named[each["name"]], each)
        return list(named.values())
    return patch


def check_configuration(objects: list[Object]) -> None:
    """Every feed and environment that a resource names is there, and is read as the pods read it."""
    maps = {
        each["metadata"]["name"]: each["data"] for each in objects if each["kind"] == "ConfigMap"
    }
    feeds, environments = set(), set()
    for each in objects:
        if each["apiVersion"] == API_VERSION:
            spec = parse(each["kind"], each["spec"])
            environments.add(spec.environment)
            named = [spec.feed] if hasattr(spec, "feed") else getattr(spec, "feeds", ())
            feeds |= {*named, *(source.feed for source in getattr(spec, "sources", ()))}
    assert feeds
    for name in feeds:
        feed = settings.parse(maps[feed_map(name)]["feed.yaml"], FeedConfig, where=name)
        assert (feed.name, registry.check(feed)) == (name, [])
    for name in environments:
        text = maps[environment_map(name)]["env.yaml"]
        assert settings.parse(text, EnvironmentConfig, where=name).name == name


def test_the_base_is_what_the_command_prints() -> None:
    """With the namespace it needs."""
    found = resolved(FOLDER / "base")
    judge(found)
    wanted = plain(install.manifests(install.Wanted(create_namespace=True)))
    assert {key(each): each for each in found} == {key(each): each for each in wanted}


@pytest.mark.parametrize("overlay", sorted((FOLDER / "overlays").iterdir()), ids=lambda it: it.name)
def test_an_overlay_is_taken_and_whole(overlay: Path) -> None:
    """Every object valid, every feed and environment there, one image for operator and pods."""
    found = resolved(overlay)
    judge(found)
    check_configuration(found)
    (deployment,) = [each for each in found if each["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert {"name": "SSMD_IMAGE", "value": container["image"]} in container["env"]
    used = {path.name for path in overlay.iterdir()}
    text = (overlay / "kustomization.yaml").read_text(encoding="utf-8")
    assert {name for name in used if name not in text} == {"kustomization.yaml"}


def test_the_examples_are_taken_and_whole() -> None:
    """What a person copies works: each kind once at least, with its feed and environment."""
    found = [
        each
        for path in EXAMPLES
        if path.name != "env.yaml"
        for each in read(path.read_text(encoding="utf-8"))
    ]
    judge(found)
    check_configuration(found)
    kinds = {each["kind"] for each in found}
    assert kinds == {*KINDS, "ConfigMap"}
    archivers = {each["metadata"]["name"] for each in found if each["kind"] == "Archiver"}
    readers = [each for each in found if each["kind"] in {"QualityCheck", "Api"}]
    assert len(readers) == 2
    assert {each["spec"]["archive"]["archiver"] for each in readers} <= archivers
