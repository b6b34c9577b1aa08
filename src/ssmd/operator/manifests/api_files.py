"""What an Api's processes are told: api.yaml, out of the typed models. Pure."""

from collections.abc import Sequence
from typing import Final

import msgspec

from ssmd.feeds.api import ApiConfig
from ssmd.operator.manifests.archiver_files import text
from ssmd.operator.manifests.facts import Facts
from ssmd.operator.spec.api import ApiSpec, WatchedAddress
from ssmd.runtime import settings

CONFIG_KEY: Final = "api.yaml"


def files(spec: ApiSpec, facts: Facts, found: Sequence[WatchedAddress] = ()) -> dict[str, str]:
    """The files, by name.

    Args:
        spec: What is asked for.
        facts: Of which resource.
        found: Services that are shown besides those it names.

    Raises:
        ConfigError: What the spec says is not acceptable to the API.
    """
    return {CONFIG_KEY: text(config(spec, facts, found))}


def watched(spec: ApiSpec, found: Sequence[WatchedAddress]) -> list[WatchedAddress]:
    """The services that are shown, by name; those that are named win."""
    known = {each.name: each for each in (*found, *spec.services)}
    return [known[name] for name in sorted(known)]


def config(spec: ApiSpec, facts: Facts, found: Sequence[WatchedAddress] = ()) -> ApiConfig:
    """The api.yaml; arguments as for `files`.

    Raises:
        ConfigError: An origin, a proxy or a bound is not acceptable.
    """
    environment = facts.environment
    plain = {
        "host": spec.address,
        "port": spec.http_port,
        "environment": environment.name,
        "nats_url": environment.transport.url,
        "cors_origins": list(spec.cors_origins),
        "identity_header": spec.identity_header,
        "trusted_proxies": list(spec.trusted_proxies),
        "services": [msgspec.to_builtins(each) for each in watched(spec, found)],
        "limits": dict(spec.limits),
        "live": dict(spec.live),
        "keys": dict(spec.keys),
    }
    return settings.convert(plain, ApiConfig, where="spec")
