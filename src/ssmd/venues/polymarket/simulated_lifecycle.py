"""What a simulated Polymarket tells everyone: a condition is listed, or decided."""

from typing import Final

import msgspec

from ssmd.model.simulated import Emission
from ssmd.venues.polymarket.simulated_listing import Condition, millis

_encode: Final = msgspec.json.Encoder().encode


def new_market(condition: Condition, ts: int) -> Emission:
    """A condition is listed."""
    fields = {
        "event_type": "new_market",
        "id": str(condition.number),
        "question": condition.question,
        "market": condition.id,
        "slug": condition.slug,
        "description": f"Resolves to Yes if so: {condition.question}",
        "assets_ids": condition.tokens,
        "outcomes": condition.outcomes,
        "event_message": {
            "id": str(condition.event_number),
            "ticker": condition.slug,
            "slug": condition.slug,
            "title": condition.group.title,
            "description": condition.group.title,
        },
        "timestamp": str(millis(ts)),
        "tags": [label.casefold() for _, label in condition.group.tags],
        "condition_id": condition.id,
        "active": True,
        "clob_token_ids": condition.tokens,
        "sports_market_type": "",
        "line": "",
        "game_start_time": "",
        "order_price_min_tick_size": condition.book.tick_size(),
        "group_item_title": "",
    }
    return Emission(_encode(fields), symbols=condition.tokens)


def market_resolved(condition: Condition, ts: int) -> Emission:
    """A condition is decided."""
    won = condition.won or 0
    fields = {
        "event_type": "market_resolved",
        "id": str(condition.number),
        "market": condition.id,
        "assets_ids": condition.tokens,
        "winning_asset_id": condition.tokens[won],
        "winning_outcome": condition.outcomes[won],
        "timestamp": str(millis(ts)),
        "tags": [label.casefold() for _, label in condition.group.tags],
    }
    return Emission(_encode(fields), symbols=condition.tokens)
