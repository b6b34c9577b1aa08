"""Which instruments are silent beyond their own rhythm and their peers'. Pure: it is told the time.

Silence is measured twice. In seconds, against the longest pauses the instrument itself made
lately. And in market time: an instrument that used to have one message in a thousand, and has none
while its peers had fifty thousand, missed fifty. A market that falls asleep as a whole misses
nothing; an instrument that always pauses for minutes is not missed after one.
"""

import math
from collections.abc import Collection, Mapping

import msgspec


class RhythmLimits(msgspec.Struct, frozen=True, kw_only=True):
    """When silence is worth a question.

    Attributes:
        missed: So many messages must be missing, by the peers' rhythm.
        silent_s: Shorter silences are never asked about, in seconds.
        pauses: The silence must be so many times the longest pause made lately.
        known: So many messages must have come before an instrument has a rhythm.
        half_life_s: After this time what was seen weighs half, in seconds.
    """

    missed: float = 100.0
    silent_s: float = 60.0
    pauses: float = 3.0
    known: int = 50
    half_life_s: float = 3600.0


Voice = tuple[str, str]
"""Who speaks: a channel (empty when messages do not tell them apart) and a symbol (empty: all)."""


class Suspect(msgspec.Struct, frozen=True):
    """A voice that should have been heard.

    Attributes:
        voice: Which.
        silent_s: How long it has said nothing, in seconds.
        missed: How many messages it should have sent, by its peers' rhythm.
    """

    voice: Voice
    silent_s: float
    missed: float


class _Pulse(msgspec.Struct, gc=False):
    """What is known of one instrument.

    Attributes:
        count: Messages, by the connection's counter at the last look.
        heard: Messages since it is followed.
        weight: Messages, older ones weighing less, as of `at`.
        share: Its part of all messages at its last one.
        at: Time of its last message, monotonic seconds.
        pause: Longest pause lately, in seconds; it fades.
        missed: Messages missed since its last one.
    """

    count: int
    at: float
    heard: int = 0
    weight: float = 0.0
    share: float = 0.0
    pause: float = 0.0
    missed: float = 0.0


class Rhythm:
    """The pulses of all instruments of a feed, from the counters of its connections.

    Call `look` every few seconds; the resolution of everything is the time between two looks.
    """

    def __init__(self, limits: RhythmLimits | None = None) -> None:
        self._limits = limits or RhythmLimits()
        self._pulses: dict[Voice, _Pulse] = {}
        self._weight = 0.0
        self._looked: float | None = None

    def look(
        self,
        counts: Mapping[Voice, int],
        mono: float,
        *,
        away: Collection[Voice] = (),
        paused: bool = False,
    ) -> None:
        """Take in the counters.

        Args:
            counts: Messages so far by voice, of everything that is subscribed now. A counter
                that went back belongs to a new connection; a voice that is absent is forgotten.
            mono: Now, monotonic seconds.
            away: Voices whose connection is down: their silence is ours.
            paused: Whether the venue pauses by its calendar: silence then proves nothing.
        """
        passed = 0.0 if self._looked is None else mono - self._looked
        self._looked = mono
        fade = math.exp2(-passed / self._limits.half_life_s)
        self._weight *= fade
        for voice in self._pulses.keys() - counts.keys():
            self._weight -= min(self._weight, self._faded(self._pulses.pop(voice), mono))
        came = self._count(counts, mono)
        total = sum(came.values())
        self._weight += total
        for voice, pulse in self._pulses.items():
            if news := came.get(voice, 0):
                self._speak(pulse, news, mono)
            elif paused or voice in away:
                pulse.at = mono
                pulse.missed = 0.0
            else:
                pulse.missed += total * pulse.share

    def suspects(self, mono: float) -> list[Suspect]:
        """Everything silent beyond measure, the most missed first."""
        found = []
        for voice, pulse in self._pulses.items():
            silent = mono - pulse.at
            if self._is_suspect(pulse, silent):
                found.append(Suspect(voice, silent, pulse.missed))
        return sorted(found, key=lambda suspect: -suspect.missed)

    def missed(self, voice: Voice) -> float:
        """How many messages it missed since its last one."""
        pulse = self._pulses.get(voice)
        return 0.0 if pulse is None else pulse.missed

    def excuse(self, voice: Voice, mono: float) -> None:
        """It was silent for a good reason: such a pause is part of its rhythm from now on."""
        pulse = self._pulses.get(voice)
        if pulse is not None:
            pulse.pause = max(pulse.pause, mono - pulse.at)
            pulse.missed = 0.0

    def blame(self, voice: Voice, mono: float) -> None:
        """It was frozen: that silence was not its own, and a new count begins."""
        pulse = self._pulses.get(voice)
        if pulse is not None:
            pulse.at = mono
            pulse.missed = 0.0

    def _count(self, counts: Mapping[Voice, int], mono: float) -> dict[Voice, int]:
        """What came since the last look, by voice."""
        came: dict[Voice, int] = {}
        for voice, count in counts.items():
            pulse = self._pulses.get(voice)
            if pulse is None:
                self._pulses[voice] = _Pulse(count, mono)
            elif count != pulse.count:
                # A new connection counts from 0, and has sent `count` already.
                came[voice] = count - pulse.count if count > pulse.count else count
                pulse.count = count
        return came

    def _speak(self, pulse: _Pulse, news: int, mono: float) -> None:
        silent = mono - pulse.at
        if pulse.heard:
            faded = pulse.pause * math.exp2(-silent / (4 * self._limits.half_life_s))
            pulse.pause = max(faded, silent)
        pulse.weight = self._faded(pulse, mono) + news
        pulse.heard += news
        pulse.at = mono
        pulse.missed = 0.0
        others = self._weight - pulse.weight
        pulse.share = pulse.weight / others if others > 0 else 0.0

    def _faded(self, pulse: _Pulse, mono: float) -> float:
        return pulse.weight * math.exp2(-(mono - pulse.at) / self._limits.half_life_s)

    def _is_suspect(self, pulse: _Pulse, silent: float) -> bool:
        limits = self._limits
        return (
            pulse.heard >= limits.known
            and pulse.missed >= limits.missed
            and silent >= limits.silent_s
            and silent >= limits.pauses * pulse.pause
        )


class Flow:
    """The data of one shard as a whole: it may stop while keepalives go on, and has no peers."""

    def __init__(self, limits: RhythmLimits | None = None) -> None:
        self._limits = limits or RhythmLimits()
        self._connection = ""
        self._count = 0
        self._heard = 0
        self._at = 0.0
        self._pause = 0.0

    def look(self, connection: str, count: int, mono: float, *, paused: bool = False) -> float:
        """Take in a counter; gives for how long too long nothing came, in seconds; 0 is healthy.

        Args:
            connection: Whose counter it is: another one begins anew.
            count: Data messages on it so far.
            mono: Now, monotonic seconds.
            paused: Whether silence proves nothing now.
        """
        came = count - self._count if connection == self._connection else count
        begins = connection != self._connection
        self._connection, self._count = connection, count
        if came or begins or paused:
            if came and self._heard and not begins:
                fade = math.exp2(-(mono - self._at) / (4 * self._limits.half_life_s))
                self._pause = max(self._pause * fade, mono - self._at)
            self._heard += came
            self._at = mono
            return 0.0
        silent = mono - self._at
        bound = max(self._limits.silent_s, self._limits.pauses * self._pause)
        return silent if self._heard >= self._limits.known and silent >= bound else 0.0

    def excuse(self, mono: float) -> None:
        """It was quiet for a good reason: such a pause is part of its rhythm from now on."""
        self._pause = max(self._pause, mono - self._at)
