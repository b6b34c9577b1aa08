"""Who is told of a verdict, or of a command that failed, and in which words."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from ssmd.feeds.quality import Sink
from ssmd.model.errors import ConfigError
from ssmd.quality.finding import FeedReport, Finding, Grade, Report
from ssmd.runtime.clock import Clock
from ssmd.runtime.notices import Hook, Mailbox, Notice, NotTold, Teller, Urgency
from ssmd.runtime.secrets import Secrets, masked, resolve

_ORDER: Final[dict[Grade, int]] = {"GREEN": 0, "YELLOW": 1, "RED": 2}
_URGENCY: Final[dict[Grade, Urgency]] = {"GREEN": "low", "YELLOW": "normal", "RED": "high"}
_COLOURS: Final[dict[Grade, str]] = {"GREEN": "#1a7f37", "YELLOW": "#9a6700", "RED": "#cf222e"}
_CREDENTIALS: Final = re.compile(r"(://)[^/\s@]+@")
"""Between the scheme and the host of an address."""
_LONGEST: Final = 500
"""Characters of one evidence or error that are told."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who can be told.

    Attributes:
        whom: How to reach them.
        at: From which grade on they want to know.
    """

    whom: Hook | Mailbox
    at: Grade


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of telling somebody.

    Attributes:
        to: Whom, as it may be shown.
        error: Why they were not told; empty when they were.
    """

    to: str
    error: str


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A command that failed.

    Attributes:
        command: Its words, without options: those may hold a password.
        code: What it exits with.
        error: What it said.
        host: Where it ran.
    """

    command: str
    code: int
    error: str
    host: str


def destinations(
    sinks: Iterable[Sink], environ: Mapping[str, str] | None = None
) -> tuple[Told, ...]:
    """Whom a policy names, with what lets us in; before anything is judged.

    Args:
        sinks: Of the policy.
        environ: The environment; this process's own when None.

    Raises:
        ConfigError: A variable that is named is not set, or holds no `user:password`.
    """
    variables = os.environ if environ is None else environ
    return tuple(Told(whom=_whom(sink, variables), at=sink.at) for sink in sinks)


def from_address(address: str) -> Told:
    """Whom an address alone names: a webhook, or with `ntfy:` before it a topic. Always told.

    Raises:
        ConfigError: It is none.
    """
    topic = address.removeprefix("ntfy:")
    return Told(whom=_hook("webhook" if topic == address else "ntfy", topic, ""), at="GREEN")


async def tell(
    report: Report, told: Sequence[Told], clock: Clock, *, teller: Teller | None = None
) -> list[Delivery]:
    """Tell everybody who wants to know of such a grade; whoever cannot be told is in the answer.

    Args:
        report: The verdict.
        told: Who can be told.
        clock: Times everything.
        teller: How; None takes the usual patience.
    """
    wanted = [each for each in told if _ORDER[report.grade] >= _ORDER[each.at]]
    return await _each(of_report(report), wanted, teller or Teller(clock))


async def tell_failure(
    failure: Failure, told: Sequence[Told], clock: Clock, *, teller: Teller | None = None
) -> list[Delivery]:
    """Tell everybody that a command failed."""
    return await _each(of_failure(failure), told, teller or Teller(clock))


async def tell_test(
    host: str, told: Sequence[Told], clock: Clock, *, teller: Teller | None = None
) -> list[Delivery]:
    """Tell everybody that telling works."""
    notice = Notice(
        subject="[SSMD] Test",
        text=f"This is a test from {host}: here SSMD tells of grades and failures.",
        content={"test": True, "host": host},
        urgency="low",
    )
    return await _each(notice, told, teller or Teller(clock))


def of_report(report: Report) -> Notice:
    """A verdict in words, worst first; nothing in it is HTML but ours."""
    number = "none" if report.composite is None else str(report.composite)
    subject = f"[SSMD] Quality {report.grade} ({number}/100) - {report.date}"
    remarks = _remarks(report)
    lines = [subject, *(f"! {issue}" for issue in report.issues), *remarks]
    for name, feed in report.feeds.items():
        lines += ["", _feed_line(name, feed), *(_finding_line(each) for each in _telling(feed))]
    return Notice(
        subject=subject,
        text=_clean("\n".join(lines)) + "\n",
        html=_clean(_html(subject, report, remarks)),
        content={"report": msgspec.json.decode(_clean(msgspec.json.encode(report).decode()))},
        urgency=_URGENCY[report.grade],
    )


def of_failure(failure: Failure) -> Notice:
    """A failure in words, with nothing secret in them."""
    error = _clean(failure.error)[:_LONGEST]
    said = msgspec.structs.replace(failure, error=error)
    return Notice(
        subject=f"[SSMD] {failure.command} failed on {failure.host}",
        text=f"`{failure.command}` on {failure.host} ended with exit code {failure.code}:\n{error}\n",
        content={"failure": msgspec.structs.asdict(said)},
        urgency="high",
    )


async def _each(notice: Notice, told: Iterable[Told], teller: Teller) -> list[Delivery]:
    """One after the other: there are few, and one that is slow must not look like all."""
    done: list[Delivery] = []
    for each in told:
        error = ""
        try:
            await teller.tell(notice, each.whom)
        except NotTold as failed:
            error = str(failed)
        done.append(Delivery(to=each.whom.public, error=error))
    return done


def _whom(sink: Sink, environ: Mapping[str, str]) -> Hook | Mailbox:
    secret = ""
    if sink.secret is not None:
        secret = resolve("notify", f"env:{sink.secret}", ("secret",), environ=environ)["secret"]
    if sink.kind != "email":
        return _hook(sink.kind, sink.to, secret)
    host, port = _server(sink)
    user, colon, password = secret.partition(":")
    if secret and not (user and colon and password):
        raise ConfigError(
            f"The environment variable {sink.secret} holds no `user:password`.",
            remedy=f"Set {sink.secret} to what lets you into {sink.server}, or leave `secret` out.",
        )
    if password:
        Secrets({"password": password})
    return Mailbox(
        to=sink.to,
        sender=sink.sender or sink.to,
        host=host,
        port=port,
        user=user,
        password=password,
    )


def _hook(kind: Literal["webhook", "ntfy"], url: str, token: str) -> Hook:
    """A hook whose address can be shown in part; the path of it often is its secret."""
    Secrets({"address": url})
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(
            f"The address of a {kind} is none of HTTP.",
            remedy="Write https://host/path; in SSMD_NOTIFY a topic is ntfy:https://host/topic.",
        )
    return Hook(kind=kind, url=url, token=token)


def _server(sink: Sink) -> tuple[str, int]:
    host, _, port = (sink.server or "").rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigError(
            f"The `server` {sink.server!r} of an e-mail is not host:port.",
            remedy="Write it as mail.example.org:587.",
        )
    return host.strip("[]"), int(port)


def _remarks(report: Report) -> list[str]:
    remarks = ["The day was not over."] if report.running else []
    if report.prometheus_degraded:
        remarks.append("Prometheus did not answer: what it tells counts with a cap.")
    return [*remarks, *report.notes]


def _telling(feed: FeedReport) -> list[Finding]:
    """What cost something, dearest first, then what is not known."""
    counted = [each for each in feed.checks if each.weight > 0 and each.score is not None]
    costly = [each for each in counted if _cost(each) > 0]
    unknown = [each for each in feed.checks if each.state == "unknown" and each not in costly]
    return [*sorted(costly, key=_cost, reverse=True), *unknown]


def _cost(finding: Finding) -> float:
    """How many points of the feed's score it takes away."""
    return finding.weight * (100.0 - (finding.score or 0.0))


def _feed_line(name: str, feed: FeedReport) -> str:
    score = "not judged" if feed.score is None else f"{feed.score}/100"
    return f"{name}: {score}" + (f". {feed.note}" if feed.note else "")


def _finding_line(finding: Finding) -> str:
    return (
        f"  {finding.name} {_number(finding.value)}: score {_number(finding.score)},"
        f" weight {finding.weight:.2f}. {finding.evidence[:_LONGEST]}"
    )


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g}"


def _html(subject: str, report: Report, remarks: Sequence[str]) -> str:
    """The same as a table; everything from outside is escaped."""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(one.name)}</td><td>{_number(one.value)}</td>"
        f"<td>{_number(one.score)}</td><td>{one.weight:.2f}</td><td>{escape(one.threshold)}</td>"
        f"<td>{escape(one.evidence[:_LONGEST])}</td></tr>"
        for name, feed in report.feeds.items()
        for one in _telling(feed)
    )
    feeds = "".join(
        f"<li>{escape(_feed_line(name, feed))}</li>" for name, feed in report.feeds.items()
    )
    said = "".join(f"<p>{escape(each)}</p>" for each in (*report.issues, *remarks))
    head = "".join(
        f"<th>{each}</th>"
        for each in ("feed", "check", "value", "score", "weight", "threshold", "evidence")
    )
    return (
        f'<html><body><h2 style="color:{_COLOURS[report.grade]}">{escape(subject)}</h2>'
        f"{said}<ul>{feeds}</ul>"
        f'<table border="1" cellpadding="4" style="border-collapse:collapse"><tr>{head}</tr>'
        f"{rows}</table></body></html>"
    )


def _clean(text: str) -> str:
    """The text without what may be secret: fetched credentials, and those in addresses."""
    return _CREDENTIALS.sub(r"\1[secret]@", masked(text))
