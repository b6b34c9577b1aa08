"""Where the bus is and how we are let in."""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import unquote, urlsplit

import msgspec

from ssmd.bus import keys
from ssmd.model.errors import ConfigError

_PORT: Final = 4222
_SECRET: Final = frozenset({"password", "token", "nkey_seed"})
_VARIABLES: Final = {
    "NATS_URL": "url",
    "NATS_USER": "user",
    "NATS_PASSWORD": "password",
    "NATS_TOKEN": "token",
    "NATS_CREDS": "creds_file",
    "NATS_NKEY_SEED_FILE": "nkey_seed_file",
    "NATS_CA": "ca_file",
    "NATS_CERT": "cert_file",
    "NATS_KEY": "key_file",
}


class Server(msgspec.Struct, frozen=True):
    """One address of the bus.

    Attributes:
        host: Name or address.
        port: TCP port.
        tls: Whether the address itself asks for TLS (`tls://`).
        user: From the address; with a password, else it is a token.
        password: From the address.
    """

    host: str
    port: int
    tls: bool = False
    user: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"{'tls' if self.tls else 'nats'}://{self.address}"

    @property
    def address(self) -> str:
        """`host:port`, fit for a log."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class BusSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the bus is and how we are let in; secrets never show in its repr."""

    url: str = "nats://127.0.0.1:4222"
    """One address or several, separated by commas; may hold `user:password@` or `token@`."""

    user: str | None = None
    """User name, with `password`."""

    password: str | None = None
    """Password of `user`."""

    token: str | None = None
    """Token, for servers that know no users."""

    nkey_seed_file: str | None = None
    """File with the seed of a user's key (`SU...`)."""

    nkey_seed: str | None = None
    """The seed itself; prefer the file."""

    creds_file: str | None = None
    """File with a user's JWT and seed, as `nsc` makes it. Read again at every connection."""

    ca_file: str | None = None
    """Certificates that may sign the server's; None trusts the system's."""

    cert_file: str | None = None
    """Our own certificate, for servers that ask for one."""

    key_file: str | None = None
    """The private key of `cert_file`."""

    tls: bool = False
    """Insist on TLS; without it TLS is used when the server or the address asks."""

    tls_handshake_first: bool = False
    """Begin with TLS before the server says anything."""

    tls_hostname: str | None = None
    """Name to expect in the server's certificate, when it is not the address's."""

    connect_timeout_s: float = 5.0
    """Longest wait for a connection to be usable, in seconds."""

    ping_interval_s: float = 10.0
    """Pause between our pings on a data connection, in seconds."""

    pings_outstanding: int = 2
    """A connection with more unanswered pings than this is given up."""

    reconnect_base_s: float = 0.05
    """Ceiling of the first pause before connecting again, in seconds; it doubles."""

    reconnect_cap_s: float = 3.0
    """Ceiling of every later pause, in seconds."""

    inbox_prefix: str = "_INBOX"
    """First tokens of our reply subjects, where permissions prescribe them."""

    def __repr__(self) -> str:
        shown = (
            (name, "***" if name in _SECRET else self.address if name == "url" else value)
            for name, value in ((name, getattr(self, name)) for name in self.__struct_fields__)
            if value is not None
        )
        return f"BusSettings({', '.join(f'{name}={value!r}' for name, value in shown)})"

    __str__ = __repr__

    @property
    def servers(self) -> tuple[Server, ...]:
        """The addresses, in the order given.

        Raises:
            ConfigError: One of them is not an address we can use.
        """
        return tuple(_server(part.strip()) for part in self.url.split(",") if part.strip())

    @property
    def address(self) -> str:
        """The addresses without secrets, for people."""
        return ",".join(repr(server) for server in self.servers)

    def check(self) -> None:
        """Refuse what cannot work, before anything is tried.

        Raises:
            ConfigError: An address, a file or a combination is not acceptable.
        """
        if not self.servers:
            _refuse("no address is given", "Set NATS_URL, for example nats://127.0.0.1:4222.")
        if (self.cert_file is None) != (self.key_file is None):
            _refuse("a certificate needs its key, and a key its certificate", "Give both.")
        if (self.user is None) != (self.password is None):
            _refuse("a user needs a password, and a password its user", "Give both.")
        kinds = (self.user, self.creds_file, self.nkey_seed_file or self.nkey_seed)
        if sum(kind is not None for kind in kinds) > 1:
            _refuse("several kinds of credentials are given", "Keep one of them.")
        for path in (self.ca_file, self.cert_file, self.key_file):
            if path is not None and not Path(path).is_file():
                _refuse(f"the file {path} does not exist", "Correct the path.")
        self.key()
        self.tls_context()

    def key(self) -> tuple[str | None, keys.Key] | None:
        """The user's JWT, if any, and key pair; None when we are let in by other means.

        Raises:
            ConfigError: A file cannot be read, or does not hold what it should.
        """
        if self.creds_file is not None:
            return keys.read_creds(self.creds_file)
        if self.nkey_seed_file is not None:
            return None, keys.read_seed_file(self.nkey_seed_file)
        if self.nkey_seed is not None:
            return None, keys.read_seed(self.nkey_seed)
        return None

    def tls_context(self) -> ssl.SSLContext:
        """The context of every TLS connection to the bus.

        Raises:
            ConfigError: A certificate or key cannot be used.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                context.load_cert_chain(self.cert_file, self.key_file)
        except (OSError, ssl.SSLError) as error:
            _refuse(f"a certificate cannot be loaded ({error})", "Check ca, cert and key files.")
        return context

    def credentials(self, server: Server, nonce: str) -> dict[str, str]:
        """What CONNECT must carry to be let in.

        Args:
            server: The address we are connected to; its own user wins over the settings'.
            nonce: What the server wants signed; empty when it asks for nothing.

        Raises:
            ConfigError: A key file cannot be read.
        """
        fields: dict[str, str] = {}
        if server.user is not None and server.password is not None:
            return {"user": server.user, "pass": server.password}
        if server.user is not None:
            return {"auth_token": server.user}
        key = self.key()
        if key is not None and nonce:
            jwt, pair = key
            fields = {"nkey": pair.public} if jwt is None else {"jwt": jwt}
            fields["sig"] = pair.sign(nonce)
        elif self.user is not None and self.password is not None:
            fields = {"user": self.user, "pass": self.password}
        if self.token is not None:
            fields["auth_token"] = self.token
        return fields


def from_env(environ: Mapping[str, str] | None = None) -> BusSettings:
    """Settings from the `NATS_*` variables; what is not set keeps its default.

    Raises:
        ConfigError: What they say cannot work.
    """
    source = os.environ if environ is None else environ
    given = {field: source[name] for name, field in _VARIABLES.items() if source.get(name)}
    settings = msgspec.convert(given, BusSettings)
    settings.check()
    return settings


def _server(text: str) -> Server:
    parts = urlsplit(text if "://" in text else f"nats://{text}")
    try:
        port = parts.port or _PORT
    except ValueError as error:
        message = "An address of the bus has an impossible port."
        raise ConfigError(message, remedy="A port is a number from 1 to 65535.") from error
    if parts.scheme not in {"nats", "tls"} or not parts.hostname:
        # The text is not quoted: it may hold a password.
        _refuse("an address is not of the form nats://host:port or tls://host:port", "Correct it.")
    return Server(
        host=parts.hostname or "",
        port=port,
        tls=parts.scheme == "tls",
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


def _refuse(reason: str, remedy: str) -> NoReturn:
    message = f"The settings of the bus cannot be used: {reason}."
    raise ConfigError(message, remedy=remedy)
