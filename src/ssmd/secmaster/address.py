"""Where a database is, and how to say so without its password."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import msgspec

from ssmd.model.errors import ConfigError

VARIABLE = "DATABASE_URL"
"""Names a database in the environment."""
OPTIONS = "-c search_path=ssmd,public -c timezone=UTC -c client_encoding=UTF8"
"""What every session is told: our schema first, and times in UTC."""


class Address(msgspec.Struct, frozen=True):
    """A `postgresql://` URL.

    Attributes:
        url: As psycopg takes it.
    """

    url: str

    def __repr__(self) -> str:
        return f"Address({self.public!r})"

    @property
    def public(self) -> str:
        """For messages: without password or query."""
        parts = urlsplit(self.url)
        query = dict(parse_qsl(parts.query))
        host = parts.hostname or query.get("host") or "localhost"
        port = f":{parts.port}" if parts.port else ""
        return f"{host}{port}{parts.path}"

    def using(self, **parameters: str) -> str:
        """The URL with more parameters, such as `options` or `replication`."""
        parts = urlsplit(self.url)
        query = {**dict(parse_qsl(parts.query)), **parameters}
        return parts._replace(query=urlencode(query, quote_via=quote)).geturl()

    @property
    def alchemy(self) -> str:
        """The same for SQLAlchemy, with psycopg 3."""
        return self.using(options=OPTIONS).replace("postgresql://", "postgresql+psycopg://", 1)


def named(url: str | None, environ: Mapping[str, str]) -> Address | None:
    """The database that somebody named: `--database`, else `DATABASE_URL`; None when nobody did.

    Args:
        url: What the command line says; None or empty when it does not.
        environ: The environment.

    Raises:
        ConfigError: It is no such URL.
    """
    if url:
        return parse(url, "--database")
    told = environ.get(VARIABLE)
    return parse(told, VARIABLE) if told else None


def parse(url: str, where: str) -> Address:
    """A database's address.

    Args:
        url: `postgresql://` or `postgres://`, who with which password, `@`, host, port, database.
        where: Where it was given, for the error.

    Raises:
        ConfigError: It is no such URL.
    """
    remedy = "Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE."  # pragma: allowlist secret
    scheme, found, rest = url.partition("://")
    if not found or scheme not in ("postgresql", "postgres"):
        raise ConfigError(f"{where} is no PostgreSQL URL.", remedy=remedy)
    address = Address(f"postgresql://{rest}")
    try:
        parts = urlsplit(address.url)
        unquote(parts.path)
        _ = parts.port
    except ValueError as error:
        raise ConfigError(f"{where} is no PostgreSQL URL: {error}.", remedy=remedy) from error
    if len(parts.path) < 2:  # noqa: PLR2004 - a slash and a name
        raise ConfigError(f"{where} names no database.", remedy=remedy)
    return address
