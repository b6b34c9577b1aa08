"""Somebody is told, by real servers on this machine; or it is said why not, with nothing secret in it."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from aiohttp import web

from ssmd.runtime.clock import SystemClock
from ssmd.runtime.notices import Hook, Mailbox, Notice, NoticeTuning, NotTold, Teller
from tests.runtime.postbox import Postbox, receiving
from tests.runtime.web import replies, serving

NOTICE = Notice(
    subject="[SSMD] Quality RED (41/100) - 2026-01-15",
    text="Kälte: nothing came.\n",
    html="<b>nothing came</b>",
    content={"report": {"composite": 41}},
    urgency="high",
)
HURRIED = NoticeTuning(attempts=3, base_s=0.001, cap_s=0.002, timeout_s=5.0)
SECRET = "s3cret-in-the-path"  # pragma: allowlist secret
PASSWORD = "pass-word"  # pragma: allowlist secret

Heard = list[tuple[dict[str, str], bytes]]


def listening(heard: Heard) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Remembers headers and bodies."""

    async def script(request: web.Request) -> web.Response:
        heard.append((dict(request.headers), await request.read()))
        return web.Response(text="ok")

    return script


def teller(**more: object) -> Teller:
    return Teller(
        SystemClock(), tuning=msgspec.structs.replace(HURRIED, **more), chance=lambda: 1.0
    )


def mailbox(box: Postbox, **more: object) -> Mailbox:
    made = Mailbox(to="ops@example.org", sender="ssmd@example.org", host="127.0.0.1", port=box.port)
    return msgspec.structs.replace(made, **more)


def closed_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def test_a_webhook_gets_json() -> None:
    """A program reads the verdict, a chat shows `text`."""
    heard: Heard = []
    async with serving(listening(heard)) as server:
        await teller().tell(NOTICE, Hook(kind="webhook", url=f"{server.url}/hook?a=1", token="tok"))
    ((headers, body),) = heard
    assert server.asked == ["/hook?a=1"]
    assert headers["Authorization"] == "Bearer tok"
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {
        "subject": NOTICE.subject,
        "text": NOTICE.text,
        "report": {"composite": 41},
    }


async def test_a_topic_gets_text() -> None:
    """A telephone shows the title, and rings when it is urgent."""
    heard: Heard = []
    async with serving(listening(heard)) as server:
        await teller().tell(NOTICE, Hook(kind="ntfy", url=f"{server.url}/topic"))
        odd = msgspec.structs.replace(NOTICE, subject="Kälte\r\nX-Evil: 1", text="ä" * 5_000)
        await teller().tell(odd, Hook(kind="ntfy", url=f"{server.url}/topic"))
    (first, body), (second, cut) = heard
    assert (first["Title"], first["Priority"]) == (NOTICE.subject, "4")
    assert "Authorization" not in first
    assert body.decode() == NOTICE.text
    assert second["Title"].startswith("=?utf-8?")
    assert "X-Evil" not in second
    assert len(cut) <= 4096
    assert cut.decode().endswith("ä\n...")


async def test_an_e_mail_is_text_and_html() -> None:
    """Any program that reads mail shows one of the two."""
    async with receiving() as box:
        await teller().tell(NOTICE, mailbox(box))
    (letter,) = box.letters
    assert (letter["Subject"], letter["To"]) == (NOTICE.subject, "ops@example.org")
    assert letter["Message-ID"]
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Date"]
    plain, html = letter.get_body(("plain",)), letter.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().splitlines() == NOTICE.text.splitlines()
    assert html.get_content().strip() == NOTICE.html
    assert box.secure == [False]


async def test_an_e_mail_goes_over_tls_when_that_is_offered() -> None:
    """The password is told to the server alone, and the server is who it says."""
    async with receiving(tls=True, password=PASSWORD) as box:
        made = Teller(SystemClock(), tls=box.trusts, tuning=HURRIED)
        known = mailbox(box, user="anna", password=PASSWORD)
        await made.tell(NOTICE, known)
        assert box.secure == [True]
        assert box.tried == [("anna", PASSWORD)]
        stranger = mailbox(box, user="anna", password="another-word")  # pragma: allowlist secret
        with pytest.raises(NotTold, match="tried once: status 535") as refused:
            await made.tell(NOTICE, stranger)
        assert "another-word" not in str(refused.value)
        with pytest.raises(NotTold, match=r"tried once: .*(CERTIFICATE|certificate)"):
            await teller().tell(NOTICE, known)
    assert len(box.letters) == 1


async def test_a_password_is_not_sent_in_clear() -> None:
    """A server without TLS, or somebody between us and it, does not get it."""
    async with receiving(password=PASSWORD) as box:
        with pytest.raises(NotTold, match="tried once: it offers no TLS"):
            await teller().tell(NOTICE, mailbox(box, user="anna", password=PASSWORD))
    assert box.tried == []


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_what_can_pass_is_tried_again(status: int) -> None:
    """A server that restarts just now is no reason that nobody is told."""
    async with serving(replies((status, b"later"), (status, b"later"), (200, b""))) as server:
        await teller().tell(NOTICE, Hook(kind="webhook", url=server.url))
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [301, 400, 401, 404])
async def test_what_does_not_pass_is_not_tried_again(status: int) -> None:
    """A wrong address stays wrong; it is said once, and its path, which may be secret, is not."""
    answer = (status, b"no such hook", {"Location": "/elsewhere"})
    async with serving(replies(answer)) as server:
        url = f"{server.url}/{SECRET}"
        with pytest.raises(NotTold, match=f"tried once: status {status} no such hook") as failed:
            await teller().tell(NOTICE, Hook(kind="webhook", url=url, token="tok-en-tok"))
    assert server.asked == [f"/{SECRET}"]
    assert SECRET not in str(failed.value)
    assert "notify-test" in failed.value.remedy


async def test_it_is_not_tried_for_ever() -> None:
    """What a night's job waits for at its end is bounded."""
    async with serving(replies((503, b"down"))) as server:
        with pytest.raises(NotTold, match="tried 3 times: status 503 down"):
            await teller().tell(NOTICE, Hook(kind="webhook", url=server.url))
    assert len(server.asked) == 3


async def test_nobody_listens() -> None:
    """Refused, by a hook and by a mail server: said, with host and port."""
    port = closed_port()
    with pytest.raises(NotTold, match=f"tried 3 times: .*127.0.0.1:{port}"):
        await teller().tell(NOTICE, Hook(kind="webhook", url=f"http://127.0.0.1:{port}/{SECRET}"))
    with pytest.raises(NotTold, match=r"tried 3 times: .*refused"):
        await teller().tell(
            NOTICE, Mailbox(to="a@b.c", sender="d@e.f", host="127.0.0.1", port=port)
        )


async def test_somebody_listens_and_never_answers() -> None:
    """A slow server costs a bounded time."""
    held = asyncio.Event()
    ended: list[None] = []

    async def wait(_: object) -> web.Response:
        await held.wait()
        return web.Response()

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await held.wait()
        writer.close()
        await writer.wait_closed()
        ended.append(None)

    silent = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with serving(wait) as server:
        quick = teller(timeout_s=0.05, attempts=2)
        with pytest.raises(NotTold, match=r"tried 2 times: no answer within 0\.05 s"):
            await quick.tell(NOTICE, Hook(kind="ntfy", url=server.url))
        with pytest.raises(NotTold, match=r"tried 2 times: .*timed out"):
            await quick.tell(
                NOTICE, Mailbox(to="a@b.c", sender="d@e.f", host="127.0.0.1", port=port)
            )
        held.set()
    silent.close()
    while len(ended) < 2:
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("said", "times", "words"),
    [("451 later", 3, "3 times: status 451 later"), ("554 spam", 1, "once: status 554 spam")],
)
async def test_a_letter_that_is_refused(said: str, times: int, words: str) -> None:
    """A mail server's 4xx can pass, its 5xx cannot (RFC 5321)."""
    async with receiving(lambda _: said) as box:
        with pytest.raises(NotTold, match=words):
            await teller().tell(NOTICE, mailbox(box))
    assert (box.connections, box.letters) == (times, [])


async def test_a_recipient_that_is_refused() -> None:
    """Told to some of several is not told."""

    class Picky(Postbox):
        async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
            self, server: object, session: object, envelope: object, address: str, *_: object
        ) -> str:
            if address.startswith("nobody"):
                return "550 no such person"
            envelope.rcpt_tos.append(address)  # type: ignore[attr-defined] # aiosmtpd's Envelope
            return "250 OK"

    async with receiving(kind=Picky) as box:
        with pytest.raises(NotTold, match="tried once: status 550 no such person"):
            await teller().tell(NOTICE, mailbox(box, to="nobody@example.org"))
        with pytest.raises(NotTold, match=r"tried once: not taken for nobody@example\.org"):
            await teller().tell(NOTICE, mailbox(box, to="a@example.org, nobody@example.org"))


@pytest.mark.parametrize("url", ["http://", "http://host:port/", "http://[::1/"])
async def test_an_address_that_is_none(url: str) -> None:
    """It is said, and not tried again."""
    with pytest.raises(NotTold, match="tried once"):
        await teller().tell(NOTICE, Hook(kind="webhook", url=url))


async def test_a_line_break_makes_no_header() -> None:
    """What somebody else wrote into a subject stays there."""
    async with receiving() as box:
        odd = msgspec.structs.replace(NOTICE, subject="a\r\nBcc: x@y.z", html="")
        await teller().tell(odd, mailbox(box))
    (letter,) = box.letters
    assert (letter["Subject"], letter["Bcc"]) == ("a Bcc: x@y.z", None)
    assert not letter.is_multipart()
