"""Tells somebody: a webhook, an ntfy topic, or a mailbox. Bounded in time, and nothing secret in its words."""

import asyncio
import random
import ssl
from collections.abc import Callable
from email.header import Header
from http import HTTPStatus
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import aiohttp
import msgspec
from yarl import URL

from ssmd import __version__
from ssmd.model.errors import SsmdError
from ssmd.runtime import backoff, mail
from ssmd.runtime.clock import Clock, within
from ssmd.runtime.secrets import excerpt

_AGAIN: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
"""Below 500, what telling again can cure."""
_SHOWN: Final = 200
_MOST_NTFY_BYTES: Final = 4096
"""What is longer becomes an attachment (docs.ntfy.sh/publish, Limitations)."""
_CUT: Final = "\n..."
_PRIORITIES: Final = {"high": "4", "normal": "3", "low": "2"}
"""docs.ntfy.sh/publish, Message priority."""

Urgency = Literal["high", "normal", "low"]


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be told.

    Attributes:
        subject: In one line.
        text: For a person, in plain text.
        html: The same as HTML; empty for none.
        content: For a program; a webhook gets it beside subject and text.
        urgency: How soon somebody should look.
    """

    subject: str
    text: str
    html: str = ""
    content: dict[str, Any] = {}
    urgency: Urgency = "normal"


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """Something that listens on HTTP.

    Attributes:
        kind: A webhook gets JSON; an ntfy topic gets text.
        url: Its address; may itself be a secret, so that only its host is shown.
        token: Sent as bearer; empty for none.
    """

    kind: Literal["webhook", "ntfy"]
    url: str
    token: str = ""

    @property
    def public(self) -> str:
        """What may be shown."""
        try:
            parts = urlsplit(self.url)
        except ValueError:
            return f"{self.kind} at no valid address"
        return f"{self.kind} at {parts.scheme}://{parts.netloc.rpartition('@')[2]}"


class Mailbox(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's e-mail.

    Attributes:
        to: Who.
        sender: Who writes.
        host: The mail server.
        port: Its port; 465 speaks TLS from the first byte, others when they offer STARTTLS.
        user: Who we are there; empty when nobody asks.
        password: Proves it; never sent in clear.
    """

    to: str
    sender: str
    host: str
    port: int
    user: str = ""
    password: str = ""

    @property
    def public(self) -> str:
        """What may be shown."""
        return f"email to {self.to}"


class NoticeTuning(msgspec.Struct, frozen=True, kw_only=True):
    """How insistent we are. Durations in seconds.

    Attributes:
        attempts: Most attempts to tell one of them.
        base_s: Ceiling of the first pause before another attempt; it doubles.
        cap_s: Ceiling of every later pause.
        timeout_s: Longest wait for a hook's answer, and for each answer of a mail server.
    """

    attempts: int = 3
    base_s: float = 1.0
    cap_s: float = 10.0
    timeout_s: float = 10.0


class NotTold(SsmdError):
    """Somebody could not be told."""

    def __init__(self, public: str, attempts: int, reason: str) -> None:
        times = "once" if attempts == 1 else f"{attempts} times"
        super().__init__(
            f"The {public} could not be told, tried {times}: {reason}.",
            remedy="Correct `notify` of the policy; try it with `ssmd dq notify-test`.",
        )
        self.attempts = attempts


class _Failed(Exception):
    """One attempt failed.

    Args:
        reason: Why.
        retryable: Whether another can succeed.
    """

    def __init__(self, reason: str, *, retryable: bool) -> None:
        super().__init__(reason)
        self.reason = excerpt(reason, _SHOWN).rstrip(".")
        self.retryable = retryable


class Teller:
    """Tells, as insistently as it was tuned.

    Args:
        clock: Times everything.
        tls: Whom to trust; None trusts whom the system trusts.
        tuning: How insistent to be.
        chance: Gives a number in 0..1, for jitter.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        tls: ssl.SSLContext | None = None,
        tuning: NoticeTuning | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._tls = tls
        self._tuning = tuning or NoticeTuning()
        self._chance = chance

    async def tell(self, notice: Notice, whom: Hook | Mailbox) -> None:
        """Tell one of them.

        Raises:
            NotTold: All attempts failed, or another could not succeed.
        """
        tuning = self._tuning
        attempt = 0
        while True:
            try:
                await self._once(notice, whom)
            except _Failed as failed:
                attempt += 1
                if not failed.retryable or attempt >= tuning.attempts:
                    raise NotTold(whom.public, attempt, failed.reason) from None
                pause = backoff.delay(attempt - 1, tuning.base_s, tuning.cap_s, self._chance())
                await self._clock.sleep(pause)
            else:
                return

    async def _once(self, notice: Notice, whom: Hook | Mailbox) -> None:
        if isinstance(whom, Mailbox):
            await self._mail(notice, whom)
            return
        try:
            await within(self._clock, self._tuning.timeout_s, self._post(notice, whom))
        except TimeoutError:
            reason = f"no answer within {self._tuning.timeout_s:g} s"
            raise _Failed(reason, retryable=True) from None
        except ValueError:  # aiohttp's InvalidURL is one
            raise _Failed("its address is none", retryable=False) from None
        except aiohttp.ClientConnectorError as error:  # its text names the host, and no more
            raise _Failed(str(error), retryable=True) from None
        except (aiohttp.ClientError, OSError) as error:
            raise _Failed(type(error).__name__, retryable=True) from None

    async def _post(self, notice: Notice, hook: Hook) -> None:
        body, headers = _webhook(notice) if hook.kind == "webhook" else _ntfy(notice)
        headers["User-Agent"] = f"ssmd/{__version__}"
        if hook.token:
            headers["Authorization"] = f"Bearer {hook.token}"
        connector = aiohttp.TCPConnector(ssl=self._tls or True)
        async with (
            aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as made,
            made.post(URL(hook.url), data=body, headers=headers, allow_redirects=False) as answer,
        ):
            said = (await answer.content.read(_SHOWN * 4)).decode(errors="replace")
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            again = answer.status in _AGAIN or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            raise _Failed(f"status {answer.status} {said}".strip(), retryable=again)

    async def _mail(self, notice: Notice, box: Mailbox) -> None:
        letter = mail.Letter(
            to=box.to,
            sender=box.sender,
            subject=notice.subject,
            text=notice.text,
            html=notice.html,
            sent=self._clock.wall(),
        )
        server = mail.Server(
            host=box.host,
            port=box.port,
            user=box.user,
            password=box.password,
            timeout_s=self._tuning.timeout_s,
        )
        # In a thread: the library waits in its own way, for each answer as long as it is told.
        try:
            await asyncio.to_thread(mail.send, letter, server, self._tls)
        except mail.NotSent as error:
            raise _Failed(error.reason, retryable=error.retryable) from None


def _webhook(notice: Notice) -> tuple[bytes, dict[str, str]]:
    told = {"subject": notice.subject, "text": notice.text} | notice.content
    return msgspec.json.encode(told), {"Content-Type": "application/json"}


def _ntfy(notice: Notice) -> tuple[bytes, dict[str, str]]:
    body = notice.text.encode()
    if len(body) > _MOST_NTFY_BYTES:
        whole = body[: _MOST_NTFY_BYTES - len(_CUT)].decode(errors="ignore")
        body = (whole + _CUT).encode()
    title = " ".join(notice.subject.split())
    return body, {
        "Title": title if title.isascii() else Header(title, "utf-8", maxlinelen=10_000).encode(),
        "Priority": _PRIORITIES[notice.urgency],
        "Content-Type": "text/plain; charset=utf-8",
    }
