"""What is said of a resource: one answer to each question, and since when. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from ssmd.operator.manifests.complaint import Complaint
from ssmd.operator.pods import PodWord
from ssmd.operator.rollout import Stage
from ssmd.operator.spec.status import Condition, ConditionType, RolloutStatus, Truth

LAG_S: Final = 120.0
"""A record that is not archived after so long is late, in seconds."""
LAG_MESSAGES: Final = 100_000
"""An archiver with more messages before it is late."""
_SHOWN: Final = 3
_LONGEST: Final = 2000

_STAGES: Final[Mapping[Stage, tuple[Truth, str, str]]] = {
    "complete": ("False", "AsWanted", "What runs is what is wanted."),
    "starting": ("True", "Starting", "Processes are being brought up."),
    "twin": ("True", "TakingOver", "A twin of the wanted revision is being brought up."),
    "draining": ("True", "Draining", "What is not wanted any more drains."),
    "waiting": ("True", "WaitingToRetry", "A twin was taken back; it is tried again later."),
    "given_up": ("False", "GivenUp", "All tries failed; only another configuration tries again."),
}


class Answer(msgspec.Struct, frozen=True):
    """One answer, not dated yet.

    Attributes:
        type: The question.
        status: The answer.
        reason: Why, in one CamelCase word.
        message: Why, in a sentence.
    """

    type: ConditionType
    status: Truth
    reason: str
    message: str = ""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of a resource that runs pods.

    Attributes:
        complaints: What is wrong with what it asks for.
        paused: It is to be left as it is.
        wanted: Processes there should be.
        ready: Those of them that are ready.
        words: What each pod says of itself.
        troubles: What keeps pods from running, a sentence each.
        stage: How the take-over stands.
        rollout: What is remembered of it.
    """

    complaints: Sequence[Complaint] = ()
    paused: bool = False
    wanted: int = 0
    ready: int = 0
    words: Collection[PodWord] = ()
    troubles: Sequence[str] = ()
    stage: Stage = "complete"
    rollout: RolloutStatus = RolloutStatus()


def dated(
    answers: Iterable[Answer], before: Iterable[Condition], generation: int, now: str
) -> tuple[Condition, ...]:
    """Conditions out of answers: the time moves only when an answer becomes another.

    Args:
        answers: The answers.
        before: The conditions as they were.
        generation: The spec's generation that was looked at.
        now: The time, RFC 3339.
    """
    known = {each.type: each for each in before}
    found = []
    for each in answers:
        last = known.get(each.type)
        same = last is not None and last.status == each.status and last.last_transition_time
        found.append(
            Condition(
                type=each.type,
                status=each.status,
                reason=each.reason,
                message=each.message[:_LONGEST],
                observed_generation=generation,
                last_transition_time=last.last_transition_time if last and same else now,
            )
        )
    return tuple(found)


def merged(
    answers: Iterable[Answer], before: Iterable[Condition], generation: int, now: str
) -> tuple[Condition, ...]:
    """As `dated`; what is not answered anew stays as it was."""
    fresh = {each.type: each for each in dated(answers, before, generation, now)}
    kept = tuple(fresh.pop(each.type, each) for each in before)
    return (*kept, *fresh.values())


def of_connector(look: Look) -> list[Answer]:
    """All answers about a Connector."""
    return [
        _ready(look, "records"),
        _valid(look),
        _stream(look, lambda reason: reason.startswith("bus:")),
        _connected(look),
        _lagging(look),
        _degraded(look),
        _progressing(look),
    ]


def of_archiver(look: Look) -> list[Answer]:
    """All answers about an Archiver: what it is connected to is the bus."""
    own = ("tables:", "upload:", "service:", "process:")
    stream = _stream(look, lambda reason: not reason.startswith(own))
    return [
        _ready(look, "archives"),
        _valid(look),
        stream,
        msgspec.structs.replace(stream, type="Connected"),
        _lagging(look),
        _degraded(look),
        _progressing(look),
    ]


def of_scheduled(look: Look, failed: str = "") -> list[Answer]:
    """All answers about what runs by the clock: it is connected to nothing in between.

    Args:
        look: What was found.
        failed: Why the last run failed, in a sentence; empty when it did not.
    """
    ready = _ready(look, "is scheduled")
    degraded = _degraded(look)
    if failed:
        degraded = Answer("Degraded", "True", "RunFailed", failed)
    return [ready, _valid(look), degraded, _progressing(look)]


def of_api(look: Look) -> list[Answer]:
    """All answers about an Api: it is connected to nothing that it could not do without."""
    return [_ready(look, "answers"), _valid(look), _degraded(look), _progressing(look)]


def _complaint(look: Look, *conditions: ConditionType) -> Complaint | None:
    found = (each for each in look.complaints if not conditions or each.condition in conditions)
    return next(found, None)


def _ready(look: Look, verb: str) -> Answer:
    if (wrong := _complaint(look)) is not None:
        more = ""
        if look.ready:
            more = f" What runs goes on with its last good configuration ({look.ready} ready)."
        return Answer("Ready", "False", wrong.reason, wrong.message + more)
    if look.paused:
        truth: Truth = "True" if look.ready and look.ready >= look.wanted else "False"
        return Answer("Ready", truth, "Paused", "It is left as it is: `spec.paused` is true.")
    if not look.wanted:
        return Answer("Ready", "True", "NoneWanted", "Nothing is to run: as was asked.")
    count = f"{look.ready} of {look.wanted}"
    if look.ready >= look.wanted:
        return Answer("Ready", "True", "AsWanted", f"{count}: it {verb}.")
    why = " ".join(_first([*look.troubles, *_reasons(look)]))
    return Answer("Ready", "False", "NotReady", f"{count} ready. {why}".strip())


def _valid(look: Look) -> Answer:
    if (wrong := _complaint(look, "FeedConfigValid")) is not None:
        return Answer("FeedConfigValid", "False", wrong.reason, wrong.message)
    if any(each.reason == "InvalidSpec" for each in look.complaints):
        return Answer("FeedConfigValid", "Unknown", "NotRead", "The spec says not which feed.")
    return Answer("FeedConfigValid", "True", "Valid", "Feed and environment are acceptable.")


def _stream(look: Look, about: Callable[[str], bool]) -> Answer:
    if (wrong := _complaint(look, "StreamReady")) is not None:
        return Answer("StreamReady", "False", wrong.reason, wrong.message)
    answered = [each for each in look.words if each.answered]
    if not answered:
        return Answer("StreamReady", "Unknown", "NobodyAnswers", _nobody(look))
    away = [reason for each in answered for reason in each.reasons if about(reason)]
    if away:
        return Answer("StreamReady", "False", "BusRefuses", " ".join(_first(away)))
    return Answer("StreamReady", "True", "Ready", "The bus takes and gives what it should.")


def _connected(look: Look) -> Answer:
    answered = [each for each in look.words if each.answered]
    if not answered:
        return Answer("Connected", "Unknown", "NobodyAnswers", _nobody(look))
    shards = [shard for each in answered for shard in each.shards]
    live = sum(each.connected for each in shards)
    count = f"{live} of {len(shards)} connections are live."
    silent = len(look.words) - len(answered)
    if silent:
        count += f" {silent} pods do not answer."
    if not shards or not live:
        return Answer("Connected", "False", "Disconnected", count)
    if live < len(shards):
        return Answer("Connected", "False", "PartlyConnected", count)
    if silent:
        return Answer("Connected", "Unknown", "SomeDoNotAnswer", count)
    return Answer("Connected", "True", "Connected", count)


def _lagging(look: Look) -> Answer:
    answered = [each for each in look.words if each.answered]
    if not answered:
        return Answer("Lagging", "Unknown", "NobodyAnswers", _nobody(look))
    if full := [each.pod for each in answered if each.full]:
        return Answer("Lagging", "True", "SpoolFull", f"No room in the spool of {full[0]}.")
    oldest = max(each.waiting_s for each in answered)
    if oldest > LAG_S:
        said = f"The oldest record that is not archived is {oldest:.0f} s old."
        return Answer("Lagging", "True", "SpoolWaits", f"{said} Check the bus and the archiver.")
    behind = sum(each.waiting for each in answered)
    if behind > LAG_MESSAGES:
        return Answer("Lagging", "True", "BusWaits", f"{behind:.0f} messages are still to come.")
    return Answer("Lagging", "False", "InTime", "What came is archived in time.")


def _degraded(look: Look) -> Answer:
    if look.stage == "given_up" or (look.rollout.attempts and look.stage != "complete"):
        said = f"{look.rollout.attempts} tries of the wanted revision failed: {look.rollout.reason}"
        return Answer("Degraded", "True", "RolloutFailed", said)
    if look.complaints and look.ready:
        return Answer("Degraded", "True", "LastGoodConfiguration", look.complaints[0].message)
    if look.troubles:
        return Answer("Degraded", "True", "PodTrouble", " ".join(_first(look.troubles)))
    warnings = [warning for each in look.words for warning in each.warnings]
    if warnings:
        return Answer("Degraded", "True", "Warnings", " ".join(_first(warnings)))
    return Answer("Degraded", "False", "Well", "Nothing is wrong that is known.")


def _progressing(look: Look) -> Answer:
    if look.paused:
        return Answer("Progressing", "False", "Paused", "`spec.paused` is true.")
    if look.complaints:
        return Answer("Progressing", "False", "Blocked", "What is asked for is not acceptable.")
    return Answer("Progressing", *_STAGES[look.stage])


def _nobody(look: Look) -> str:
    return "No pod answers." if look.words else "There is no pod to ask."


def _reasons(look: Look) -> list[str]:
    return [f"{each.pod}: {reason}." for each in look.words for reason in each.reasons]


def _first(words: Sequence[str]) -> list[str]:
    shown = [each if each.endswith(".") else f"{each}." for each in words[:_SHOWN]]
    more = len(words) - _SHOWN
    return [*shown, f"And {more} more."] if more > 0 else shown
