"""Sends an e-mail through a mail server; blocks, so it runs in a thread."""

import platform
import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Final

import msgspec

from ssmd.model.timestamp import SECOND_NS

_TLS_PORT: Final = 465
_NAMELESS: Final = "[127.0.0.1]"
"""What a host without a full name calls itself (RFC 5321 section 4.1.3)."""
_PERMANENT: Final = 500
"""From here on a mail server's code says that trying again is of no use (RFC 5321 section 4.2.1)."""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """An e-mail.

    Attributes:
        to: Who gets it.
        sender: Who it is from.
        subject: In one line.
        text: As plain text.
        html: The same as HTML; empty for none.
        sent: When, ns since the Unix epoch.
    """

    to: str
    sender: str
    subject: str
    text: str
    html: str
    sent: int


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A mail server that takes our letters.

    Attributes:
        host: Its name.
        port: Its port; 465 speaks TLS from the first byte, others when they offer STARTTLS.
        user: Who we are there; empty when nobody asks.
        password: Proves it.
        timeout_s: Longest wait for each of its answers, in seconds.
    """

    host: str
    port: int
    user: str
    password: str
    timeout_s: float


class NotSent(Exception):
    """The letter was not taken.

    Args:
        reason: Why, in the server's words.
        retryable: Whether trying again can succeed.
    """

    def __init__(self, reason: str, *, retryable: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable


def send(letter: Letter, server: Server, tls: ssl.SSLContext | None = None) -> None:
    """Hand a letter over; TLS whenever the server offers it, a password with TLS only.

    Args:
        letter: What.
        server: To whom.
        tls: Whom to trust; None trusts whom the system trusts.

    Raises:
        NotSent: It was not taken.
    """
    trusted = tls or ssl.create_default_context()
    try:
        message = _message(letter)
        with _connected(server, trusted) as session:
            _enter(session, server, trusted)
            refused = session.send_message(message)
        if refused:  # some of several; when it is all of them, the library raises
            raise NotSent(f"not taken for {', '.join(sorted(refused))}", retryable=False)
    except smtplib.SMTPRecipientsRefused as error:
        code, words = next(iter(error.recipients.values()))
        raise NotSent(_said(code, words), retryable=code < _PERMANENT) from error
    except smtplib.SMTPResponseException as error:
        reason = _said(error.smtp_code, error.smtp_error)
        raise NotSent(reason, retryable=error.smtp_code < _PERMANENT) from error
    except ssl.SSLError as error:
        raise NotSent(f"TLS: {error.reason or error}", retryable=False) from error
    except smtplib.SMTPNotSupportedError as error:
        raise NotSent(str(error), retryable=False) from error
    except (smtplib.SMTPException, OSError) as error:
        raise NotSent(f"{error}" or type(error).__name__, retryable=True) from error
    except ValueError as error:  # an address with a line break, say
        raise NotSent(str(error), retryable=False) from error


def _connected(server: Server, tls: ssl.SSLContext) -> smtplib.SMTP:
    # Told who we are, the library does not ask the DNS for it, which can take longer than all else.
    name = platform.node()
    name = name if "." in name else _NAMELESS
    if server.port == _TLS_PORT:
        return smtplib.SMTP_SSL(
            server.host, server.port, name, timeout=server.timeout_s, context=tls
        )
    return smtplib.SMTP(server.host, server.port, name, server.timeout_s)


def _enter(session: smtplib.SMTP, server: Server, tls: ssl.SSLContext) -> None:
    """Greet, go over to TLS when that is offered, and say who we are when we were told."""
    session.ehlo()
    secure = server.port == _TLS_PORT
    if not secure and session.has_extn("starttls"):
        session.starttls(context=tls)
        session.ehlo()
        secure = True
    if not server.user:
        return
    if not secure:
        reason = "it offers no TLS, and the password is not sent in clear"
        raise NotSent(reason, retryable=False)
    session.login(server.user, server.password)


def _message(letter: Letter) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = " ".join(letter.subject.split())
    message["From"] = letter.sender
    message["To"] = letter.to
    message["Date"] = format_datetime(datetime.fromtimestamp(letter.sent / SECOND_NS, UTC))
    message["Message-ID"] = make_msgid(domain=letter.sender.rpartition("@")[2] or "ssmd")
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday note answers it
    message.set_content(letter.text)
    if letter.html:
        message.add_alternative(letter.html, subtype="html")
    return message


def _said(code: int, words: bytes | str) -> str:
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    return f"status {code} {text}".strip()
