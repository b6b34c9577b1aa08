"""How the components of a feed are deployed unless somebody says otherwise."""

from typing import Annotated, Literal

from msgspec import Meta, field

from ssmd.feeds.values import Prefix, Section, Text, Token


class TransportDefaults(Section, frozen=True, kw_only=True):
    """Which bus a component uses unless its environment says otherwise.

    Attributes:
        type: What kind of bus; only `nats` is supported so far.
        stream: Name of the stream.
        subject_prefix: First tokens of the subjects.
    """

    type: Literal["nats", "mqtt", "memory"] = "nats"
    stream: Token | None = None
    subject_prefix: Prefix | None = None

    def __post_init__(self) -> None:
        if self.type != "nats":
            raise ValueError(f"transport type `{self.type}` is not supported yet: use `nats`")


class AuthDefaults(Section, frozen=True, kw_only=True):
    """Which secret of the cluster holds a component's credentials.

    Attributes:
        secret: Name of the secret.
        fields: Name of the credential by key of the secret.
    """

    secret: Text
    fields: dict[str, str] = field(default_factory=dict)


class ComponentDefaults(Section, frozen=True, kw_only=True):
    """How a component of this feed is deployed unless somebody says otherwise.

    Attributes:
        image: Container image, without tag.
        version: Its tag.
        resources: Requests and limits, as Kubernetes writes them.
        transport: Which bus it uses.
        auth: Where its credentials are.
        rotation_s: For an archiver: time one segment covers, in seconds.
    """

    image: Text | None = None
    version: Text | None = None
    resources: dict[str, dict[str, str]] = field(default_factory=dict)
    transport: TransportDefaults | None = None
    auth: AuthDefaults | None = None
    rotation_s: Annotated[int, Meta(ge=60, le=86_400)] | None = None


class Defaults(Section, frozen=True, kw_only=True):
    """Deployment of the feed's components.

    Attributes:
        connector: The one that records.
        archiver: The one that files.
        signal: Not supported yet.
    """

    connector: ComponentDefaults = ComponentDefaults()
    archiver: ComponentDefaults = ComponentDefaults()
    signal: ComponentDefaults | None = None

    def __post_init__(self) -> None:
        if self.signal is not None:
            raise ValueError("the component `signal` is not supported yet: remove it")
