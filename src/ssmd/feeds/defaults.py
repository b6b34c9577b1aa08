"""How the components of a feed are deployed unless somebody says otherwise."""

from typing import Annotated, Literal

from msgspec import Meta, field

from ssmd.feeds.resources import Resources
from ssmd.feeds.values import Prefix, Section, Token

_DAY_S = 86_400

Image = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?(:[0-9]+)?(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)*$",
        max_length=255,
    ),
]
"""A container image, without tag: `ssmd`, `host:5000/team/ssmd`."""

Tag = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=128)]
"""An image's tag; write it in quotes when it looks like a number."""

SecretName = Annotated[str, Meta(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", max_length=253)]
"""Name of a secret of the cluster."""

SecretKey = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]+$", max_length=253)]
"""A key in it."""


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
        fields: Name of the credential by key of the secret; empty when the keys are those names.
    """

    secret: SecretName
    fields: dict[SecretKey, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(set(self.fields.values())) != len(self.fields):
            raise ValueError("auth.fields names a credential twice")


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

    image: Image | None = None
    version: Tag | None = None
    resources: Resources = Resources()
    transport: TransportDefaults | None = None
    auth: AuthDefaults | None = None
    rotation_s: Annotated[int, Meta(ge=60, le=_DAY_S)] | None = None

    def __post_init__(self) -> None:
        if self.rotation_s is not None and (self.rotation_s % 60 or _DAY_S % self.rotation_s):
            raise ValueError(
                f"rotation_s {self.rotation_s} is not a number of whole minutes that divides a day"
            )


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
        if self.connector.rotation_s is not None:
            raise ValueError("`connector.rotation_s` has no meaning: segments are the archiver's")
        if self.archiver.auth is not None:
            raise ValueError("`archiver.auth` has no meaning: an archiver talks to no venue")
        ours, theirs = self.connector.transport, self.archiver.transport
        if ours is not None and theirs is not None and ours != theirs:
            raise ValueError(
                "`connector.transport` and `archiver.transport` differ: what one fills, the other"
                " could not read"
            )

    @property
    def transport(self) -> TransportDefaults:
        """The bus that all of the feed's components use, unless their environment says otherwise."""
        return self.connector.transport or self.archiver.transport or TransportDefaults()
