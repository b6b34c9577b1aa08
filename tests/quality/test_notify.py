"""Who is told of what, in which words; and nothing secret, and nobody else's HTML, in them."""

import json

import msgspec
import pytest
from aiohttp import web

from ssmd.feeds.quality import Sink
from ssmd.model.errors import ConfigError
from ssmd.quality import notify
from ssmd.quality.finding import FeedReport, Grade, Report
from ssmd.quality.notify import Failure, Told, destinations, from_address, of_failure, of_report
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.notices import Hook, Mailbox, NoticeTuning, Teller
from tests.quality.made import finding, report
from tests.runtime.postbox import receiving
from tests.runtime.web import serving

EVIL = "<script>alert('x')</script> & \"quotes\""
MAIL = Sink(kind="email", to="a@example.org", sender="s@example.org", server="mail.example.org:587")


def bad_day() -> Report:
    """A day with an issue, a check that is dear, one that is not known, and evidence of others."""
    checks = (
        finding("coverage", 0.9, score=80.0, weight=0.2),
        finding("conservation", 7.0, score=0.0, weight=0.5, evidence=EVIL),
        finding("lateness", 0.2, score=100.0, weight=0.3),
        finding("drift", None, evidence="nobody looked"),
    )
    return report(
        composite=41,
        grade="RED",
        issues=(f"alpha: conservation is 7: {EVIL}",),
        feeds={
            "alpha": FeedReport(score=41, weight=1.0, checks=checks),
            "beta": FeedReport(score=None, weight=0.0, checks=(), note="It was not recorded."),
        },
    )


def test_the_subject_says_it_all() -> None:
    """A telephone shows one line."""
    assert of_report(bad_day()).subject == "[SSMD] Quality RED (41/100) - 2026-01-15"
    nothing = report(composite=None, grade="RED", feeds={})
    assert of_report(nothing).subject == "[SSMD] Quality RED (none/100) - 2026-01-15"


def test_the_text_has_the_dearest_first_and_leaves_out_what_is_well() -> None:
    """What is to be looked at stands at the top; what is not known is said."""
    made = of_report(bad_day())
    words = [line.split()[0] for line in made.text.splitlines() if line.startswith("  ")]
    assert words == ["conservation", "coverage", "drift"]
    assert made.text.splitlines()[1].startswith("! alpha: conservation is 7")
    assert "beta: not judged. It was not recorded." in made.text
    assert "unknown: score unknown, weight 0.00. nobody looked" in made.text
    assert "lateness" not in made.text


def test_the_day_that_was_not_over_and_the_missing_prometheus_are_said() -> None:
    """Half a day, or half the evidence, is not the whole."""
    made = msgspec.structs.replace(bad_day(), running=True, prometheus_degraded=True)
    for words in (of_report(made).text, of_report(made).html):
        assert "The day was not over." in words
        assert "Prometheus did not answer" in words
    assert "not over" not in of_report(bad_day()).text


def test_evidence_is_no_html() -> None:
    """Names and payloads of venues stand in evidence: a mail program must not run them."""
    html = of_report(bad_day()).html
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; &amp;") == 2
    assert html.count("<tr>") == 4  # the head, and three findings
    noted = report(feeds={EVIL: FeedReport(score=1, weight=1.0, checks=(), note=EVIL)})
    assert "<script" not in of_report(noted).html


def test_credentials_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address in evidence or in an error may hold a password; a token may be anywhere."""
    topic = Sink(kind="ntfy", to="https://h/t", secret="TOPIC")  # pragma: allowlist secret
    destinations([topic], {"TOPIC": "tok-en-42"})
    said = "https://anna:pass-word@prometheus:9090/api and tok-en-42"  # pragma: allowlist secret
    made = of_report(
        report(feeds={"f": FeedReport(score=1, weight=1.0, checks=(finding(evidence=said),))})
    )
    failed = of_failure(Failure(command="ssmd x", code=1, error=said, host="h"))
    for notice in (made, failed):
        for words in (notice.text, notice.html, msgspec.json.encode(notice.content).decode()):
            assert "pass-word" not in words
            assert "tok-en-42" not in words
    assert "://[secret]@prometheus" in failed.text


def test_a_failure_is_told_in_short() -> None:
    """What, where, and why; a long error is cut."""
    made = of_failure(Failure(command="ssmd verify", code=1, error="x" * 9_000, host="vm"))
    assert made.subject == "[SSMD] ssmd verify failed on vm"
    assert made.urgency == "high"
    assert len(made.text) < 700
    assert made.content["failure"]["code"] == 1


def test_whom_a_policy_names() -> None:
    """Secrets come from the variable that is named, and from nowhere else."""
    sinks = [
        Sink(kind="webhook", to="https://h/x", at="RED", secret="HOOK"),  # pragma: allowlist secret
        Sink(kind="ntfy", to="https://h/t"),
        msgspec.structs.replace(MAIL, secret="MAIL", at="GREEN"),  # pragma: allowlist secret
    ]
    found = destinations(sinks, {"HOOK": "tok", "MAIL": "anna:pass:word"})
    assert found == (
        Told(whom=Hook(kind="webhook", url="https://h/x", token="tok"), at="RED"),
        Told(whom=Hook(kind="ntfy", url="https://h/t"), at="YELLOW"),
        Told(
            whom=Mailbox(
                to="a@example.org",
                sender="s@example.org",
                host="mail.example.org",
                port=587,
                user="anna",
                password="pass:word",  # pragma: allowlist secret
            ),
            at="GREEN",
        ),
    )


@pytest.mark.parametrize(
    ("sink", "environ", "words"),
    [
        (
            Sink(kind="ntfy", to="https://h/t", secret="NONE"),  # pragma: allowlist secret
            {},
            "NONE is not set",
        ),
        (msgspec.structs.replace(MAIL, secret="M"), {"M": "no-colon"}, "M holds no `user:pass"),
        (msgspec.structs.replace(MAIL, server="host"), {}, "'host' of an e-mail is not host:port"),
        (Sink(kind="webhook", to="https://"), {}, "none of HTTP"),
        (Sink(kind="webhook", to="https://[::1/x"), {}, "none of HTTP"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_is_done(
    sink: Sink, environ: dict[str, str], words: str
) -> None:
    """A judging of an hour is not to end with a missing variable."""
    with pytest.raises(ConfigError, match=words) as refused:
        destinations([sink], environ)
    assert "no-colon" not in str(refused.value)


def test_an_address_alone_names_somebody() -> None:
    """`SSMD_NOTIFY` needs no file."""
    assert from_address("https://h/x").whom == Hook(kind="webhook", url="https://h/x")
    assert from_address("ntfy:http://h/t").whom == Hook(kind="ntfy", url="http://h/t")
    assert from_address("https://h/x").at == "GREEN"
    with pytest.raises(ConfigError, match="none of HTTP") as refused:
        from_address("h/secret-path")
    assert "secret-path" not in str(refused.value)


@pytest.mark.parametrize(
    ("grade", "told"), [("GREEN", ["/green"]), ("YELLOW", ["/yellow", "/green"]), ("RED", None)]
)
async def test_everybody_is_told_from_his_grade_on(grade: Grade, told: list[str] | None) -> None:
    """Who wants to hear of RED days alone sleeps through the others."""
    async with serving(lambda _: web.Response()) as server:
        sinks = [
            Told(whom=Hook(kind="webhook", url=f"{server.url}/{at.lower()}"), at=at)
            for at in ("RED", "YELLOW", "GREEN")
        ]
        made = msgspec.structs.replace(bad_day(), grade=grade)
        done = await notify.tell(made, sinks, SystemClock())
    assert server.asked == (told or ["/red", "/yellow", "/green"])
    assert [each.error for each in done] == [""] * len(server.asked)


async def test_one_who_cannot_be_told_keeps_nobody_else_from_it() -> None:
    """And it is said who, and why."""
    heard: list[dict[str, object]] = []

    async def script(request: web.Request) -> web.Response:
        if request.path == "/gone":
            return web.Response(status=410, text="gone")
        heard.append(json.loads(await request.read()))
        return web.Response()

    async with serving(script) as server, receiving() as box:
        whom = [
            Told(whom=Hook(kind="webhook", url=f"{server.url}/gone"), at="GREEN"),
            Told(whom=Hook(kind="webhook", url=f"{server.url}/here"), at="GREEN"),
            Told(
                whom=Mailbox(to="a@b.c", sender="d@e.f", host="127.0.0.1", port=box.port),
                at="GREEN",
            ),
        ]
        teller = Teller(SystemClock(), tuning=NoticeTuning(attempts=1))
        done = await notify.tell(bad_day(), whom, SystemClock(), teller=teller)
    assert [bool(each.error) for each in done] == [True, False, False]
    assert "status 410 gone" in done[0].error
    (told,) = heard
    assert told["report"] == msgspec.json.decode(msgspec.json.encode(bad_day()))
    (letter,) = box.letters
    assert letter["Subject"] == "[SSMD] Quality RED (41/100) - 2026-01-15"
