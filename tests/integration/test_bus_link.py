"""Being let in: every kind of authentication and TLS, for the data path and the control plane."""

import asyncio
import base64
import hashlib
import json
import os
from pathlib import Path

import pytest
import trustme
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ssmd.bus import api, keys
from ssmd.bus.errors import BusAway
from ssmd.bus.link import Link
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from tests.integration.bus import CLOCK, GENEROUS_S, PREFIX, STREAM, Sender, envelope, server, until

USER, ACCOUNT, OPERATOR = 20 << 3, 0, 14 << 3


async def is_let_in(settings: BusSettings) -> None:
    """Both connections work: a stream is made over one, a message stored over the other."""
    async with await Streams.connect(settings, CLOCK) as streams:
        await streams.ensure(STREAM, PREFIX, max_bytes=1 << 20)
    async with Sender(settings) as sender:
        await sender.publish([envelope(0)])
        await sender.drained()
    assert sender.acknowledged[0][0] >= 1


async def is_kept_out(settings: BusSettings) -> str:
    """No connection can be made; gives the reason."""
    with pytest.raises(BusAway) as caught:
        await Streams.connect(settings, CLOCK, timeout_s=1.0)
    return caught.value.reason


async def test_user_and_password(tmp_path: Path) -> None:
    """From the settings or from the address; a wrong one is named as the reason."""
    nats = server(tmp_path, 'authorization { user: "me", password: "it\'s me" }')
    url = await nats.start()
    try:
        await is_let_in(BusSettings(url, user="me", password="it's me"))
        await is_let_in(BusSettings(url.replace("//", "//me:it%27s%20me@")))
        reason = await is_kept_out(BusSettings(url, user="me", password="wrong"))
        assert "Authorization Violation" in reason
        assert "Authorization Violation" in await is_kept_out(BusSettings(url))
    finally:
        await nats.stop()


async def test_token(tmp_path: Path) -> None:
    """From the settings or from the address."""
    nats = server(tmp_path, 'authorization { token: "t0ken" }')
    url = await nats.start()
    try:
        await is_let_in(BusSettings(url, token="t0ken"))
        await is_let_in(BusSettings(url.replace("//", "//t0ken@")))
        await is_kept_out(BusSettings(url, token="other"))
    finally:
        await nats.stop()


def key(kind: int) -> tuple[keys.Key, str]:
    """A fresh key pair with its seed."""
    secret = os.urandom(32)
    public = Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    seed = keys.write_seed(kind, secret)
    private = Ed25519PrivateKey.from_private_bytes(secret)
    return keys.Key(keys.write_public(kind, public), private), seed


async def test_nkey(tmp_path: Path) -> None:
    """The seed never leaves: the server's nonce is signed with it."""
    pair, seed = key(USER)
    _, stranger = key(USER)
    file = tmp_path / "user.nk"
    file.write_text(seed)
    nats = server(tmp_path, f"authorization {{ users = [ {{ nkey: {pair.public} }} ] }}")
    url = await nats.start()
    try:
        await is_let_in(BusSettings(url, nkey_seed_file=str(file)))
        await is_let_in(BusSettings(url, nkey_seed=seed))
        await is_kept_out(BusSettings(url, nkey_seed=stranger))
    finally:
        await nats.stop()


def jwt(issuer: keys.Key, subject: str, name: str, claims: dict[str, object]) -> str:
    """A NATS JWT, as `nsc` would make it."""

    def part(value: object) -> str:
        raw = json.dumps(value, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    body: dict[str, object] = {
        "iat": 1_700_000_000,
        "iss": issuer.public,
        "name": name,
        "sub": subject,
        "nats": {"version": 2, **claims},
    }
    digest = hashlib.new("sha512_256", json.dumps(body).encode()).digest()
    body["jti"] = base64.b32encode(digest).rstrip(b"=").decode()
    signed = f"{part({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{part(body)}"
    return f"{signed}.{issuer.sign(signed)}"


async def test_credentials_file(tmp_path: Path) -> None:
    """Operator, account and user: the JWT is sent, the nonce signed."""
    operator, _ = key(OPERATOR)
    account, _ = key(ACCOUNT)
    user, seed = key(USER)
    none = {"subs": -1, "data": -1, "payload": -1, "conn": -1, "leaf": -1, "imports": -1}
    limits = {**none, "exports": -1, "wildcards": True, "mem_storage": -1, "disk_storage": -1}
    account_jwt = jwt(
        operator,
        account.public,
        "team",
        {"type": "account", "limits": {**limits, "streams": -1, "consumer": -1}},
    )
    operator_jwt = jwt(operator, operator.public, "op", {"type": "operator"})
    user_jwt = jwt(
        account, user.public, "ssmd", {"type": "user", "subs": -1, "data": -1, "payload": -1}
    )
    creds = tmp_path / "user.creds"
    creds.write_text(
        f"-----BEGIN NATS USER JWT-----\n{user_jwt}\n------END NATS USER JWT------\n\n"
        "************************* IMPORTANT *************************\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
    system, _ = key(ACCOUNT)
    system_jwt = jwt(operator, system.public, "sys", {"type": "account", "limits": none})
    nats = server(
        tmp_path,
        f"operator: {operator_jwt}\nresolver: MEMORY\nsystem_account: {system.public}\n"
        f"resolver_preload: {{ {account.public}: {account_jwt}, {system.public}: {system_jwt} }}\n",
    )
    url = await nats.start()
    try:
        await is_let_in(BusSettings(url, creds_file=str(creds)))
        await is_kept_out(BusSettings(url))
    finally:
        await nats.stop()


class Certificates:
    """A certificate authority with a server's and a client's certificate, in files."""

    def __init__(self, directory: Path) -> None:
        authority = trustme.CA()
        self.ca = str(directory / "ca.pem")
        authority.cert_pem.write_to_path(self.ca)
        self.server = self._files(directory, "server", authority.issue_cert("127.0.0.1"))
        self.client = self._files(directory, "client", authority.issue_cert("someone"))
        self.stranger = str(directory / "stranger.pem")
        trustme.CA().cert_pem.write_to_path(self.stranger)

    def _files(self, directory: Path, name: str, leaf: trustme.LeafCert) -> tuple[str, str]:
        cert, private = directory / f"{name}.pem", directory / f"{name}.key"
        leaf.cert_chain_pems[0].write_to_path(cert)
        leaf.private_key_pem.write_to_path(private)
        return str(cert), str(private)

    def config(self, more: str = "") -> str:
        """The server's TLS block."""
        cert, private = self.server
        return f'tls {{\n cert_file: "{cert}"\n key_file: "{private}"\n ca_file: "{self.ca}"\n{more}\n}}'


async def test_tls(tmp_path: Path) -> None:
    """Upgraded after the server's first words; a certificate nobody vouches for is refused."""
    made = Certificates(tmp_path)
    nats = server(tmp_path, made.config())
    url = await nats.start()
    try:
        await is_let_in(BusSettings(url, ca_file=made.ca))
        await is_let_in(BusSettings(url.replace("nats://", "tls://"), ca_file=made.ca))
        assert "CERTIFICATE_VERIFY_FAILED" in await is_kept_out(
            BusSettings(url, ca_file=made.stranger)
        )
    finally:
        await nats.stop()


async def test_tls_before_the_first_word(tmp_path: Path) -> None:
    """`tls_handshake_first`, for servers that say nothing in the clear."""
    made = Certificates(tmp_path)
    nats = server(tmp_path, made.config(" handshake_first: true"))
    url = await nats.start()
    try:
        await is_let_in(BusSettings(url, ca_file=made.ca, tls_handshake_first=True))
    finally:
        await nats.stop()


async def test_mutual_tls(tmp_path: Path) -> None:
    """The server asks for our certificate, and keeps those without one out."""
    made = Certificates(tmp_path)
    nats = server(tmp_path, made.config(" verify: true"))
    url = await nats.start()
    cert, private = made.client
    try:
        await is_let_in(BusSettings(url, ca_file=made.ca, cert_file=cert, key_file=private))
        await is_kept_out(BusSettings(url, ca_file=made.ca))
    finally:
        await nats.stop()


async def test_a_server_without_tls_is_refused_when_tls_is_wanted(tmp_path: Path) -> None:
    """Otherwise a man in the middle could take TLS, and the password, away."""
    made = Certificates(tmp_path)
    nats = server(tmp_path)
    url = await nats.start()
    try:
        reason = await is_kept_out(BusSettings(url, ca_file=made.ca, user="a", password="b"))
        assert reason == "the server offers no TLS"
    finally:
        await nats.stop()


def test_tls_works_on_uvloop(tmp_path: Path) -> None:
    """The services run on it, and its upgrade to TLS is its own."""
    made = Certificates(tmp_path)

    async def main() -> None:
        nats = server(tmp_path, made.config())
        url = await nats.start()
        try:
            await is_let_in(BusSettings(url, ca_file=made.ca))
        finally:
            await nats.stop()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


async def test_a_second_address_is_tried(tmp_path: Path) -> None:
    """A list of servers is used until one lets us in."""
    nats = server(tmp_path)
    url = await nats.start()
    try:
        link = Link(BusSettings(f"nats://127.0.0.1:1,{url}"), CLOCK, name="test")
        await link.open(GENEROUS_S)
        assert (await link.ask(api.Done, "INFO")).error is None
        await link.close()
    finally:
        await nats.stop()


async def test_a_silent_server_is_given_up(tmp_path: Path) -> None:
    """A half-open connection looks healthy to the socket; unanswered pings tell."""
    welcomed: list[asyncio.StreamWriter] = []

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"max_payload":1048576}\r\n')
        while not (await reader.readline()).startswith(b"PING"):
            pass
        writer.write(b"PONG\r\n")
        welcomed.append(writer)

    listening = await asyncio.start_server(deaf, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    link = Link(BusSettings(f"nats://127.0.0.1:{port}", ping_interval_s=0.02), CLOCK, name="test")
    await link.open(GENEROUS_S)
    await until(lambda: len(welcomed) > 1)
    await link.close()
    for writer in welcomed:
        writer.close()
    listening.close()
    await listening.wait_closed()
