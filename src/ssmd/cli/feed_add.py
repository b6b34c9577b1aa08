"""`ssmd feed add`: a feed of one's own, in a file to change."""

import click
import msgspec

from ssmd.cli.feed_draft import draft
from ssmd.cli.feed_writing import added, own_name
from ssmd.cli.options import FeedType
from ssmd.cli.output import Output, examples, output_options
from ssmd.feeds import registry
from ssmd.feeds.account import variables_of
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.folder import config_folder

_SHIPPED = registry.names()[0]


@click.command(
    epilog=examples(
        (f"ssmd feed add mine --from {_SHIPPED}", "a copy by that name, to change"),
        (f"ssmd feed add few --from {_SHIPPED} --symbol A --symbol B", "these symbols alone"),
        (f"ssmd feed add near --from {_SHIPPED} --endpoint wss://HOST/PATH", "another address"),
    )
)
@click.argument("name", callback=own_name)
@click.option(
    "--from", "origin", type=FeedType(), required=True, help="A feed's name, or its feed.yaml."
)
@click.option("--symbol", "symbols", multiple=True, help="Instead of its own; repeatable.")
@click.option("--endpoint", metavar="URL", help="Another address of the WebSocket.")
@click.option("--force", is_flag=True, help="Overwrite a feed of yours that has the name.")
@output_options
def add(
    name: str,
    *,
    origin: FeedConfig,
    symbols: tuple[str, ...],
    endpoint: str | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write a feed of your own into your configuration folder, made from another.

    The folder is SSMD_CONFIG, or ~/.config/ssmd. From then on every --feed knows it by its name.
    """
    output = Output(json=as_json, quiet=quiet)
    feed = _made(origin, name, symbols, endpoint)
    text = draft(feed, opening=_opening(feed, origin), schema="../schemas/feed.schema.json")
    registry.parse_feed(text, where=f"the feed {name!r}", name=name)
    path = added(config_folder().feeds / f"{name}.yaml", text, kind="feed", force=force)
    output.lines(f"Wrote {path}. Change it, then: ssmd feed validate {name}", *_hints(feed))
    output.result({"feed": name, "file": str(path), "from": origin.name})


def _made(
    origin: FeedConfig, name: str, symbols: tuple[str, ...], endpoint: str | None
) -> FeedConfig:
    if symbols:
        origin = origin.with_symbols(dict.fromkeys(symbols))
    if endpoint is not None:
        origin = origin.with_endpoint(endpoint)
    return msgspec.structs.replace(origin, name=name, display_name="")


def _opening(feed: FeedConfig, origin: FeedConfig) -> str:
    return (
        f"A feed of your own, made from {origin.name}. What is left out keeps its default:"
        f" `ssmd feed show {feed.name} --defaults` shows all. What stands here wins over a shipped"
        " feed of the same name."
    )


def _hints(feed: FeedConfig) -> list[str]:
    """What else it needs, and what its name hides."""
    found = []
    if feed.name in registry.names():
        found.append(f"It is used instead of the shipped feed {feed.name!r} from now on.")
    if variables := variables_of(registry.venue(feed)):
        found.append(
            f"Its venue wants an account: set {' and '.join(variables.values())}, or write a key"
            f" {feed.name!r} into `keys` of env.yaml."
        )
    return found
