"""What was asked, what a book confirmed, and what is to be asked next.

The venue answers nothing: a subscription is believed when a book of its token comes. Three ways
of asking are told apart by what silence means:

- in the first message of a connection, which names all that is wanted then: the token is dead, or
  has no book yet: it is refused, and asked for again after longer and longer pauses;
- again, after a refusal: refused again, with the next longer pause;
- added later: the venue may not have heard, so a new connection asks once more, in its first
  message. There a dead token is refused. One addition costs one new connection at most.
"""

from enum import Enum
from typing import Final

import msgspec

from ssmd.model.event import Refused, Send, Subscribed, Unsubscribed
from ssmd.model.pace import Pace
from ssmd.model.subscription import Limits, Subscription
from ssmd.venues.polymarket import messages

CHANNEL: Final = "market"
"""The only channel."""
CEILING: Final = 500
"""Beyond so many tokens on one connection the venue silently sends nothing at all."""
BATCH: Final = 100
"""Tokens per later request: 8 kB of ids."""

_RETRY_S: Final = 30.0
_RETRY_CAP_S: Final = 3600.0
_UNNAMED: Final = "no token is named"
_NO_ROOM: Final = f"over {CEILING} tokens on one connection"

Answer = Send | Subscribed | Unsubscribed | Refused


class _Stage(Enum):
    IDLE = "not asked for"
    ASKED = "asked for, no book yet"
    HELD = "a book came"


class _Entry(msgspec.Struct, gc=False):
    """Where one token stands.

    Attributes:
        stage: What the venue was told, and showed.
        due: Monotonic time when its book is late, in seconds.
        is_late_addition: Whether it was added after the first message and never given up on here.
        failures: How often no book came since the last one.
    """

    stage: _Stage = _Stage.IDLE
    due: float = 0.0
    is_late_addition: bool = False
    failures: int = 0


class Subscriptions:
    """The tokens of one connection, from wish to book."""

    def __init__(self, limits: Limits, *, passive: bool) -> None:
        self._limits = limits
        self._passive = passive
        self._wanted: frozenset[str] = frozenset()
        self._unanswered: set[str] = set()
        self._entries: dict[str, _Entry] = {}
        self._asked: set[str] = set()
        self._joining: dict[str, None] = {}
        self._leaving: dict[str, None] = {}
        self._later: dict[str, float] = {}
        self._is_first = True
        self._pace = Pace(limits.sends_per_second)

    @property
    def acknowledged(self) -> frozenset[Subscription]:
        """What a book confirmed and we did not end since."""
        return frozenset(
            Subscription(CHANNEL, token)
            for token, entry in self._entries.items()
            if entry.stage is _Stage.HELD
        )

    @property
    def answered(self) -> bool:
        """Whether everything wanted was confirmed or refused at least once."""
        return not self._unanswered

    def want(self, subscriptions: frozenset[Subscription]) -> list[Answer]:
        """State the whole wanted set; gives what can never be had."""
        tokens = {
            item.symbol
            for item in subscriptions
            if item.channel == CHANNEL and item.symbol is not None
        }
        changed = self._wanted ^ tokens
        self._wanted = frozenset(tokens)
        for token in sorted(changed):
            entry = self._entries.setdefault(token, _Entry())
            self._later.pop(token, None)
            if token not in tokens:
                self._end(token, entry)
                continue
            self._leaving.pop(token, None)
            if entry.stage is not _Stage.HELD:
                self._begin(token, entry)
        return [
            Refused(item, _UNNAMED)
            for item in sorted(subscriptions, key=str)
            if item.channel != CHANNEL or item.symbol is None
        ]

    def renew(self, token: str) -> None:
        """End a confirmed subscription and ask again, for the sake of its book."""
        entry = self._entries.get(token)
        if entry is None or entry.stage is not _Stage.HELD or token not in self._wanted:
            return
        self._leaving[token] = None

    def book(self, token: str) -> Subscribed | None:
        """A book of this token came: whoever asked for it is answered."""
        entry = self._entries.get(token)
        if entry is None:
            if not self._passive:
                return None
            entry = self._entries[token] = _Entry()
        given_up = bool(entry.failures) and token in self._wanted  # late, but it came
        if entry.stage is _Stage.HELD or not (
            entry.stage is _Stage.ASKED or given_up or self._passive
        ):
            return None
        entry.stage = _Stage.HELD
        entry.failures = 0
        entry.is_late_addition = False
        self._asked.discard(token)
        self._joining.pop(token, None)
        self._later.pop(token, None)
        self._unanswered.discard(token)
        return Subscribed(Subscription(CHANNEL, token))

    def expired(self, mono: float) -> list[Refused] | None:
        """What is given up, its book being late; None when the connection is not to be believed."""
        late = sorted(
            token for token in self._asked & self._wanted if self._entries[token].due <= mono
        )
        if any(self._entries[token].is_late_addition for token in late):
            return None
        return [self._fail(token, mono) for token in late]

    def awaken(self, mono: float) -> None:
        """Turn to what was put off until now."""
        for token in [token for token, due in self._later.items() if due <= mono]:
            del self._later[token]
            self._joining[token] = None

    def send(self, mono: float) -> list[Answer]:
        """As many of the pending requests as the pace allows; the rest stays pending."""
        answers: list[Answer] = []
        if self._passive:
            return answers
        while self._leaving and self._pace.allows(mono):
            answers += self._unsubscribe(mono)
        while not self._leaving and self._joining and self._pace.allows(mono):
            sends = self._subscribe(mono)
            answers += sends
            if not any(isinstance(answer, Send) for answer in sends):
                break
        return answers

    def ping(self, mono: float) -> Send:
        """A keepalive, whatever the pace: it counts, and the requests give way."""
        self._pace.sent(mono)
        return Send(messages.PING)

    def _begin(self, token: str, entry: _Entry) -> None:
        self._unanswered.add(token)
        if entry.stage is _Stage.IDLE:
            entry.is_late_addition = not self._is_first and not entry.failures
            self._joining[token] = None

    def _end(self, token: str, entry: _Entry) -> None:
        self._unanswered.discard(token)
        self._joining.pop(token, None)
        if entry.stage is not _Stage.IDLE:
            self._leaving[token] = None
        elif not entry.failures:
            del self._entries[token]  # a refused one is remembered: it was no late addition

    def _unsubscribe(self, mono: float) -> list[Answer]:
        tokens = sorted(self._leaving)[:BATCH]
        answers: list[Answer] = [Send(messages.request("unsubscribe", tokens))]
        self._pace.sent(mono)
        for token in tokens:
            del self._leaving[token]
            self._asked.discard(token)
            entry = self._entries[token]
            if entry.stage is _Stage.HELD:
                answers.append(Unsubscribed(Subscription(CHANNEL, token)))
            entry.stage = _Stage.IDLE
            if token in self._wanted:
                self._begin(token, entry)
            elif not entry.failures:
                del self._entries[token]
        return answers

    def _subscribe(self, mono: float) -> list[Answer]:
        """One request for what is pending, as far as there is room; the rest is told so."""
        room = CEILING - len(self._asked) - self._held
        batch = room if self._is_first else min(room, BATCH)
        tokens = sorted(self._joining)
        answers: list[Answer] = []
        if batch > 0:
            answers.append(Send(self._request(tokens[:batch])))
            self._pace.sent(mono)
        for token in tokens[:batch]:
            del self._joining[token]
            self._asked.add(token)
            entry = self._entries[token]
            entry.stage, entry.due = _Stage.ASKED, mono + self._limits.ack_timeout_s
        for token in tokens[room:]:  # asked for when others leave
            if token in self._unanswered:
                self._unanswered.discard(token)
                answers.append(Refused(Subscription(CHANNEL, token), _NO_ROOM))
        return answers

    @property
    def _held(self) -> int:
        return sum(entry.stage is _Stage.HELD for entry in self._entries.values())

    def _request(self, tokens: list[str]) -> bytes:
        if not self._is_first:
            return messages.request("subscribe", tokens)
        self._is_first = False
        return messages.first_request(tokens)

    def _fail(self, token: str, mono: float) -> Refused:
        entry = self._entries[token]
        entry.stage = _Stage.IDLE
        entry.failures += 1
        self._asked.discard(token)
        self._unanswered.discard(token)
        self._later[token] = mono + min(_RETRY_S * 2.0 ** (entry.failures - 1), _RETRY_CAP_S)
        return Refused(Subscription(CHANNEL, token), "timeout")
