"""Api: what was recorded, over HTTP, by as many processes as are asked for. Pure."""

from typing import Annotated, Literal

from msgspec import Meta

from ssmd.operator.spec.schedules import ArchiveReference
from ssmd.operator.spec.workload import FeedName, Part, Plain, Workload, refuse_twice

Origin = Annotated[str, Meta(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+\Z", max_length=255)]
Network = Annotated[str, Meta(pattern=r"^[0-9A-Fa-f:.]+(/[0-9]{1,3})?\Z", max_length=64)]
HeaderName = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}\Z", max_length=64)]
HealthUrl = Annotated[str, Meta(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+/?\Z", max_length=500)]


class WatchedAddress(Part, frozen=True, kw_only=True):
    """A service whose health is shown.

    Attributes:
        name: Its name, as the status page shows it.
        url: Base address of its health server, `http://host:8080`.
    """

    name: Annotated[str, Meta(min_length=1, max_length=128)]
    url: HealthUrl


class ServiceRules(Part, frozen=True, kw_only=True):
    """The Service through which clients come.

    Attributes:
        type: Who reaches it: the cluster, its nodes' networks, or whom a load balancer lets in.
        port: Its port.
        annotations: Its annotations: what clouds are told about their load balancers.
    """

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    port: Annotated[int, Meta(ge=1, le=65_535)] = 8000
    annotations: Annotated[
        dict[str, Annotated[str, Meta(max_length=32_768)]], Meta(max_length=64)
    ] = {}


class ApiSpec(Workload, frozen=True, kw_only=True):
    """What was recorded, over HTTP, with a status page; nobody is let in without a key.

    Attributes:
        environment: The environment: its env.yaml is in the ConfigMap `env-{environment}`.
        archive: The archive that is served; it is mounted read-only.
        replicas: So many processes answer.
        address: The addresses of a pod it answers on: all of IPv4, or all of IPv6.
        http_port: The port of a pod it answers on.
        service: The Service through which clients come.
        clients: Who may ask, as Kubernetes writes a `from` of a NetworkPolicy; everybody when
            empty.
        cors_origins: Pages of other origins that may read answers.
        identity_header: A header in which a proxy tells who asks, for the audit.
        trusted_proxies: Addresses or networks of proxies whose word is believed.
        services: Health servers that the status page shows besides.
        watch: Whether it shows the Connectors and Archivers of its namespace and environment.
        limits: What requests may cost: as `limits` of api.yaml.
        live: What live streams may cost: as `live` of api.yaml.
        keys: How keys are looked at: as `keys` of api.yaml.
    """

    environment: FeedName
    archive: ArchiveReference
    replicas: Annotated[int, Meta(ge=1, le=64)] = 1
    address: Literal["0.0.0.0", "::"] = "0.0.0.0"  # noqa: S104 - the pod's own addresses
    http_port: Annotated[int, Meta(ge=1024, le=65_535)] = 8000
    service: ServiceRules = ServiceRules()
    clients: Annotated[tuple[Plain, ...], Meta(max_length=64)] = ()
    cors_origins: Annotated[
        tuple[Origin, ...], Meta(max_length=64, extra_json_schema={"x-kubernetes-list-type": "set"})
    ] = ()
    identity_header: HeaderName | None = None
    trusted_proxies: Annotated[
        tuple[Network, ...],
        Meta(max_length=64, extra_json_schema={"x-kubernetes-list-type": "set"}),
    ] = ()
    services: Annotated[
        tuple[WatchedAddress, ...],
        Meta(
            max_length=256,
            extra_json_schema={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
        ),
    ] = ()
    watch: bool = True
    limits: Plain = {}
    live: Plain = {}
    keys: Plain = {}

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_twice("the origin", self.cors_origins)
        refuse_twice("the proxy", self.trusted_proxies)
        refuse_twice("the service", (each.name for each in self.services))
        if self.http_port == self.port:
            raise ValueError("`httpPort` and `port` are one: clients and health have a port each")
        if self.identity_header is not None and not self.trusted_proxies:
            raise ValueError(
                "`identityHeader` is believed of nobody: name the proxy in `trustedProxies`"
            )
