"""How quality is judged: scales, weights and grades, as quality.yaml and feed.yaml state them. Pure."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from ssmd.feeds.values import Name, Section, Text, Token
from ssmd.model.errors import ConfigError
from ssmd.runtime.unknown import did_you_mean

Family = Literal["signals", "truth"]
"""What a check is told by: live services while it happened, or the files that remain."""

Score = Annotated[float, Meta(ge=0, le=100)]
"""Nothing is right at 0, everything at 100."""

Weight = Annotated[float, Meta(ge=0, le=1000)]
"""A share of what stands beside it; only ratios matter."""

Label = Annotated[str, Meta(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=64)]
"""The name of a Prometheus label."""


class Tier(Section, frozen=True, kw_only=True):
    """A step of a scale.

    Attributes:
        below: Values less than this have at least this step's score.
        score: The step's score.
    """

    below: float
    score: Score


class Scale(Section, frozen=True, kw_only=True):
    """How a value becomes a score: in steps, or on a straight line.

    Attributes:
        tiers: Steps, ascending; what is below none of them has a score of 0.
        zero: The value whose score is 0.
        full: The value whose score is 100; less than `zero` where little is good.
    """

    tiers: Annotated[tuple[Tier, ...], Meta(min_length=1)] | None = None
    zero: float | None = None
    full: float | None = None

    def __post_init__(self) -> None:
        is_line = self.zero is not None and self.full is not None
        if (self.tiers is None) != is_line or (
            self.tiers is not None and not (self.zero is None and self.full is None)
        ):
            raise ValueError("a scale has either `tiers`, or `zero` and `full`")
        if is_line and self.zero == self.full:
            raise ValueError("`zero` and `full` of a scale differ")
        limits = [tier.below for tier in self.tiers or ()]
        if limits != sorted(set(limits)):
            raise ValueError("the `tiers` of a scale ascend by `below`")


class Check(Section, frozen=True, kw_only=True):
    """How one check counts.

    Attributes:
        family: What it is told by.
        weight: Its share of its family; 0 shows it and counts it not.
        scale: How its value becomes a score.
        unknown: What an unknown value counts as: nothing at all (`leave_out`), or a score.
        hard_at: A score at or below this is an issue by itself: the grade is RED. None: never.
    """

    family: Family
    weight: Weight
    scale: Scale
    unknown: Literal["leave_out"] | Score = "leave_out"
    hard_at: Score | None = None


class CheckChange(Section, frozen=True, kw_only=True):
    """What a feed has otherwise; None keeps what the policy says.

    Attributes:
        weight: Its share of its family.
        scale: How its value becomes a score.
        unknown: What an unknown value counts as.
        hard_at: A score at or below this is an issue by itself.
    """

    weight: Weight | None = None
    scale: Scale | None = None
    unknown: Literal["leave_out"] | Score | None = None
    hard_at: Score | None = None


class FeedQuality(Section, frozen=True, kw_only=True):
    """How the quality of one feed is judged: `quality` of its feed.yaml.

    Attributes:
        weight: Its share of the composite; 0 judges it and counts it not.
        labels: Labels of its series in Prometheus, besides `feed`.
        stream: Its stream on the bus; None takes the one its environment gives it.
        checks: Where it differs from the policy.
    """

    weight: Weight = 0.2
    labels: dict[Label, Text] = field(default_factory=dict)
    stream: Token | None = None
    checks: dict[str, CheckChange] = field(default_factory=dict)


class Grades(Section, frozen=True, kw_only=True):
    """From which composite a day is GREEN, or YELLOW; below, or with an issue, it is RED."""

    green: Score = 85
    yellow: Score = 60

    def __post_init__(self) -> None:
        if self.yellow > self.green:
            raise ValueError("`yellow` is at most `green`")


class Calibration(Section, frozen=True, kw_only=True):
    """What replaces the `full` of `checks` once a feed has a history.

    Attributes:
        checks: Which checks' baselines are learned.
        days: How many days before must have a value.
        share: The baseline is this share of their median.
    """

    checks: tuple[str, ...] = ("message_flow",)
    days: Annotated[int, Meta(ge=3, le=90)] = 7
    share: Annotated[float, Meta(gt=0, le=1)] = 0.8


class Trend(Section, frozen=True, kw_only=True):
    """When a value is unlike those before.

    Attributes:
        days: How many days before are looked at.
        weekdays: How many same weekdays before are looked at besides.
        z: From which robust z-score on, in either direction.
        fewest: With fewer values nothing is said.
    """

    days: Annotated[int, Meta(ge=3, le=90)] = 7
    weekdays: Annotated[int, Meta(ge=3, le=52)] = 4
    z: Annotated[float, Meta(gt=0, le=100)] = 3.5
    fewest: Annotated[int, Meta(ge=3, le=90)] = 4


class Sink(Section, frozen=True, kw_only=True):
    """Whom to tell.

    Attributes:
        kind: A webhook (JSON), an ntfy topic, or an e-mail.
        to: Address of the hook or topic, or of the recipient.
        at: From which grade on: `RED`, `YELLOW` (and RED), or `GREEN`: always.
        secret: Name of the environment variable that holds the token, or `user:password` of the
            mail server; None needs none.
        server: `host:port` of the mail server.
        sender: Who the e-mail is from.
    """

    kind: Literal["webhook", "ntfy", "email"]
    to: Text
    at: Literal["RED", "YELLOW", "GREEN"] = "YELLOW"
    secret: Text | None = None
    server: Text | None = None
    sender: Text | None = None

    def __post_init__(self) -> None:
        is_mail = self.kind == "email"
        if is_mail and (self.server is None or self.sender is None or "@" not in self.to):
            raise ValueError("an e-mail needs `to` with an @, `server` and `sender`")
        if not is_mail and not self.to.startswith(("https://", "http://")):
            raise ValueError(f"`to` of a {self.kind} is an http(s) address")


class MasterCheck(Section, frozen=True, kw_only=True):
    """How one check of the security master is judged.

    Attributes:
        scale: How its value becomes a score.
        bad_below: A lower score is bad.
    """

    scale: Scale
    bad_below: Score = 60


class MasterPolicy(Section, frozen=True, kw_only=True):
    """How the security master is judged; none of it is part of a day's score.

    Attributes:
        checks: Every check, by name.
        grace_s: What was to happen so long ago, and has not, is late; in seconds.
        recent_s: A feed of which nothing was archived for so long is not recorded now; in seconds.
        compared_s: Counts are compared with those of so long ago; in seconds.
        noise: A count may change by so many times its square root without a word.
    """

    checks: dict[str, MasterCheck]
    grace_s: Annotated[float, Meta(ge=0, le=86_400)] = 900.0
    recent_s: Annotated[float, Meta(ge=60, le=86_400)] = 3600.0
    compared_s: Annotated[float, Meta(ge=3600, le=30 * 86_400)] = 86_400.0
    noise: Annotated[float, Meta(ge=0, le=100)] = 3.0


class QualityPolicy(Section, frozen=True, kw_only=True):
    """How quality is judged: quality.yaml.

    Attributes:
        families: The share of each family in a feed's score.
        prometheus_cap: The most a check told by Prometheus scores, and what it counts as, while
            Prometheus does not answer.
        checks: Every check, by name.
        feeds: How feeds are judged, by name; wins over their feed.yaml.
        grades: The bounds of the grades.
        calibration: How baselines are learned.
        trend: When a value is unlike those before.
        notify: Whom to tell.
        secmaster: How the security master is judged; None takes what is shipped.
    """

    families: dict[Family, Weight]
    prometheus_cap: Score = 50
    checks: dict[str, Check]
    feeds: dict[Name, FeedQuality] = field(default_factory=dict)
    grades: Grades = Grades()
    calibration: Calibration = Calibration()
    trend: Trend = Trend()
    notify: tuple[Sink, ...] = ()
    secmaster: MasterPolicy | None = None

    def __post_init__(self) -> None:
        if not any(self.families.values()):
            raise ValueError("one of `families` has a weight above 0")
        for name in self.calibration.checks:
            _known(name, self.checks, "calibration.checks")
            if self.checks[name].scale.full is None:
                raise ValueError(f"the scale of `{name}` has no `full` to be learned")

    def of(self, feed: FeedQuality) -> Mapping[str, Check]:
        """Every check as it counts for one feed.

        Raises:
            ConfigError: The feed speaks of a check that is not there.
        """
        changed = dict(self.checks)
        for name, change in feed.checks.items():
            try:
                _known(name, self.checks, "quality.checks")
            except ValueError as error:
                raise ConfigError(
                    f"{error}.", remedy=f"Use one of: {', '.join(sorted(self.checks))}."
                ) from error
            told = msgspec.structs.asdict(change)
            changed[name] = msgspec.structs.replace(
                changed[name], **{key: value for key, value in told.items() if value is not None}
            )
        return changed


def _known(name: str, checks: Mapping[str, object], where: str) -> None:
    if name not in checks:
        raise ValueError(f"`{where}`: there is no check {name!r}.{did_you_mean(name, checks)}")
