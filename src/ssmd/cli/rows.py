"""Typed rows as lines of JSON, so that every program reads them without losing a digit."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from ssmd.archive import layout
from ssmd.feeds import registry
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.folder import own_feeds
from ssmd.model.envelope import Envelope
from ssmd.model.errors import ConfigError
from ssmd.model.exact import spelled
from ssmd.model.venue import Venue


class Rows:
    """Reads envelopes as rows, each by the rules of its feed's venue."""

    def __init__(self, directory: Path, feed: FeedConfig | None) -> None:
        self._configured = layout.run_folder(directory) / "config"
        self._venues: dict[str, Venue] = {}
        if feed is not None:
            self._venues[feed.name] = registry.venue(feed)

    def lines(self, envelope: Envelope) -> Iterator[str]:
        """One JSON object a row, then one for each piece that gave none.

        Raises:
            ConfigError: Nobody knows which venue the envelope's feed is of.
        """
        decoded = self._venue(envelope.feed).rows(envelope)
        for row in decoded.rows:
            columns = {name: getattr(row, name) for name in row.__struct_fields__}
            yield _line({"table": row.table, **_provenance(envelope), **columns})
        for reject in decoded.rejects:
            yield _line({"reject": msgspec.structs.asdict(reject), **_provenance(envelope)})

    def _venue(self, name: str) -> Venue:
        """Whose messages a feed's are: as `ssmd up` was told here, else as shipped."""
        found = self._venues.get(name)
        if found is None:
            path = self._configured / f"connector-{name}.yaml"
            if not path.is_file() and name not in registry.names(own_feeds()):
                message = f"Nobody here knows which venue the feed {name!r} is of."
                remedy = "Give its feed.yaml with --feed, or leave --rows out."
                raise ConfigError(message, remedy=remedy)
            feed = registry.load_feed(path if path.is_file() else name, own_feeds())
            found = self._venues[name] = registry.venue(feed)
        return found


def _provenance(envelope: Envelope) -> dict[str, object]:
    return {
        "feed": envelope.feed,
        "connection": envelope.connection,
        "ordinal": envelope.ordinal,
        "part": envelope.part,
        "ts_recv": envelope.ts_recv,
    }


def _line(values: Mapping[str, object]) -> str:
    return msgspec.json.encode(spelled(values)).decode()
