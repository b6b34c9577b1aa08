"""What an Archiver's processes are told: archiver.yaml and upload.yaml, out of the typed models. Pure."""

from typing import Final, TypeVar

import msgspec
import yaml

from ssmd.feeds import registry
from ssmd.feeds.archiver import ArchiverConfig, ArchiveStorage, Commit, Rotation, Source
from ssmd.feeds.upload import UploadSettings
from ssmd.model.errors import ConfigError
from ssmd.operator.manifests.facts import Facts
from ssmd.operator.names import ARCHIVE_ROOT
from ssmd.operator.spec.archiver import ArchiverSpec, FeedSource
from ssmd.runtime import settings

CONFIG_KEY: Final = "archiver.yaml"
UPLOAD_KEY: Final = "upload.yaml"

_Section = TypeVar("_Section")


def files(spec: ArchiverSpec, facts: Facts) -> dict[str, str]:
    """The files, by name.

    Raises:
        ConfigError: What the spec says is not acceptable to the archiver or the uploader.
    """
    found = {CONFIG_KEY: text(config(spec, facts))}
    wanted = upload(spec)
    return found if wanted is None else found | {UPLOAD_KEY: text(wanted)}


def config(spec: ArchiverSpec, facts: Facts) -> ArchiverConfig:
    """The archiver.yaml.

    Raises:
        ConfigError: A source, the rotation or the commit is not acceptable.
    """
    rotation = dict(spec.rotation)
    if "interval_s" not in rotation and (interval := _interval(spec, facts)) is not None:
        rotation["interval_s"] = interval
    plain = {
        "sources": [msgspec.to_builtins(each) for each in sources(spec, facts)],
        "url": facts.environment.transport.url,
        "storage": msgspec.to_builtins(ArchiveStorage(path=ARCHIVE_ROOT)),
        "rotation": msgspec.to_builtins(_part(rotation, Rotation, "rotation")),
        "commit": msgspec.to_builtins(_part(dict(spec.commit), Commit, "commit")),
        "keep_s": spec.keep_s,
    }
    return settings.convert(plain, ArchiverConfig, where="spec")


def upload(spec: ArchiverSpec) -> UploadSettings | None:
    """The upload.yaml; None when nothing goes anywhere.

    Raises:
        ConfigError: It is not acceptable.
    """
    return None if spec.upload is None else _part(spec.upload, UploadSettings, "upload")


def sources(spec: ArchiverSpec, facts: Facts) -> list[Source]:
    """The streams.

    Raises:
        ConfigError: A feed has no such category, or several streams and one name for them.
    """
    return [found for each in spec.sources for found in _of(each, facts)]


def text(value: object) -> str:
    """A file as a person would write it."""
    plain = msgspec.to_builtins(value, str_keys=True)
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def _of(source: FeedSource, facts: Facts) -> list[Source]:
    feed = facts.feeds[source.feed]
    for category in source.categories:
        feed.divided(category)  # refuses what it does not have, and says what is near
    found = [
        each
        for each in registry.streams_of(feed, facts.environment)
        if not source.categories or each.category in source.categories
    ]
    if (source.stream or source.consumer) and len(found) > 1:
        raise ConfigError(
            f"The feed {feed.name!r} has {len(found)} streams, and its source names one `stream` or"
            " `consumer` for all.",
            remedy="Name one category with it, or leave it out.",
        )
    return [
        Source(stream=source.stream or each.stream, feed=feed.name, consumer=source.consumer)
        for each in found
    ]


def _interval(spec: ArchiverSpec, facts: Facts) -> int | None:
    """What the first of the feeds says that says anything."""
    defaults = (facts.feeds[each.feed].defaults.archiver for each in spec.sources)
    return next((each.rotation_s for each in defaults if each.rotation_s is not None), None)


def _part(value: object, kind: type[_Section], where: str) -> _Section:
    return settings.convert(value, kind, where=f"spec.{where}")
