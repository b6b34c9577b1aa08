"""What rendering needs to know besides the spec. Pure."""

from collections.abc import Mapping
from datetime import date

import msgspec

from ssmd.feeds.environment import EnvironmentConfig
from ssmd.feeds.feed import FeedConfig
from ssmd.operator.names import Kind, Slot, object_name

Manifest = dict[str, object]
"""One object, as it is applied: every field in it is ours, and no other is."""


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """The resource that everything rendered belongs to.

    Attributes:
        kind: Its kind.
        name: Its name.
        namespace: Its namespace.
        uid: Its identity: what the garbage collector goes by.
    """

    kind: Kind
    name: str
    namespace: str
    uid: str


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What rendering needs to know besides the spec.

    Attributes:
        owner: The resource.
        environment: Its environment, as the ConfigMap has it.
        feeds: Its feeds by name, as their ConfigMaps have them.
        digests: What the pods are configured by, as `configmap/NAME` or `secret/NAME`, and for
            each a word that changes whenever it does.
        image: The operator's own image and tag: what runs where nothing else is asked for.
        today: Today, UTC: which version of a feed is effective.
    """

    owner: Owner
    environment: EnvironmentConfig
    feeds: Mapping[str, FeedConfig]
    digests: Mapping[str, str]
    image: str
    today: date


class Share(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One process's share of a Connector.

    Attributes:
        category: The feed's division, if any; empty without.
        replica: Which of them, from 0.
    """

    category: str = ""
    replica: int


class Place(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One of the two places a share has.

    Attributes:
        share: The share.
        slot: The place.
    """

    share: Share
    slot: Slot

    def name(self, owner: str) -> str:
        """The Deployment there: `{cr}-connector[-{category}]-{replica}-{slot}`."""
        words = (self.share.category, str(self.share.replica), self.slot)
        return object_name(owner, "Connector", *(word for word in words if word))
