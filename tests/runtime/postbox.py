"""A mail server on a free loopback port, whose letters a test reads; the host's own, over TLS or not."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP as POLICY
from functools import partial

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

Answer = Callable[[Envelope], str]
"""What is said once a letter is there: a status and words."""


class Postbox:
    """A server's port, and what it was sent.

    Attributes:
        port: Where it listens.
        letters: What it took.
        tried: User and password of every attempt to get in.
        secure: Of each letter, whether it came over TLS.
        connections: How often somebody came.
        trusts: Who trusts its certificate.
    """

    def __init__(self, answer: Answer, password: str) -> None:
        self.port = 0
        self.letters: list[EmailMessage] = []
        self.tried: list[tuple[str, str]] = []
        self.secure: list[bool] = []
        self.connections = 0
        self.trusts = ssl.create_default_context()
        self._answer = answer
        self._password = password

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a letter, or what the test wants."""
        said = self._answer(envelope)
        if said.startswith("2"):
            content = envelope.content
            assert isinstance(content, bytes)
            read = BytesParser(policy=POLICY).parsebytes(content)
            assert isinstance(read, EmailMessage)
            self.letters.append(read)
            self.secure.append(session.ssl is not None)
        return said

    def let_in(
        self, server: SMTP, session: Session, envelope: Envelope, kind: str, told: object
    ) -> AuthResult:
        """Whether it is the password."""
        assert isinstance(told, LoginPassword)
        self.tried.append((told.login.decode(), told.password.decode()))
        return AuthResult(success=told.password.decode() == self._password, handled=False)


@asynccontextmanager
async def receiving(
    answer: Answer = lambda _: "250 OK",
    *,
    tls: bool = False,
    password: str = "",
    kind: type[Postbox] = Postbox,
) -> AsyncIterator[Postbox]:
    """Take letters until the test is done.

    Args:
        answer: What is said to each.
        tls: Whether STARTTLS is offered, with a certificate that `trusts` trusts.
        password: Lets in; over TLS nobody comes in without it when it is not empty.
        kind: A server of another character.
    """
    made = kind(answer, password)
    context: ssl.SSLContext | None = None
    if tls:
        authority = trustme.CA()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        authority.configure_trust(made.trusts)
    protocol = partial(
        SMTP,
        made,
        hostname="localhost",
        tls_context=context,
        authenticator=made.let_in,
        auth_required=bool(password) and tls,  # asked for in clear, it warns
        auth_require_tls=tls,
        loop=asyncio.get_running_loop(),
    )

    here: list[SMTP] = []

    def came() -> SMTP:
        made.connections += 1
        here.append(protocol())
        return here[-1]

    server = await asyncio.get_running_loop().create_server(came, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()
        while any(each.transport is not None for each in here):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0)  # the sockets are closed a turn later
