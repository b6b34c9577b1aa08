"""Streams and what the archivers have of them: the control plane."""

from typing import Final, Self

from ssmd.bus import api, subjects, telemetry
from ssmd.bus.api import StreamState
from ssmd.bus.errors import ApiRefused, BusAway, StreamUnfit
from ssmd.bus.link import Link
from ssmd.bus.settings import BusSettings
from ssmd.model.timestamp import parse_rfc3339
from ssmd.runtime import backoff
from ssmd.runtime.clock import Clock

DURABLE_PREFIX: Final = "archive-"
"""Every archiver's durable is named so; its floor is what may be purged."""
_ATTEMPTS: Final = 8
_DUPLICATES_S: Final = 10


class Streams:
    """Makes, judges and purges streams.

    Args:
        link: An open connection; `connect` makes one.
        clock: What time it is.
    """

    def __init__(self, link: Link, clock: Clock) -> None:
        self._link = link
        self._clock = clock

    @classmethod
    async def connect(cls, settings: BusSettings, clock: Clock, *, timeout_s: float = 10.0) -> Self:
        """Connect the control plane; it reconnects by itself afterwards.

        Raises:
            BusAway: No server answers, or none lets us in, within `timeout_s` seconds.
            ConfigError: The settings cannot work.
        """
        link = Link(settings, clock, name="control")
        try:
            await link.open(timeout_s)
        except BusAway:
            await link.close()
            raise
        return cls(link, clock)

    async def close(self) -> None:
        """End the connection."""
        await self._link.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def ensure(
        self,
        stream: str,
        prefix: str,
        *,
        max_bytes: int,
        allow_discard: bool = False,
        replicas: int = 1,
        subject: str | None = None,
    ) -> StreamState:
        """Have a stream that takes the prefix and throws nothing away; twice is fine.

        A stream that exists is judged and left as it is, but for copies that are missing: those
        are added, and told.

        Args:
            stream: Name of the stream.
            prefix: First tokens of the subjects it must take.
            max_bytes: Its size, when it has to be made.
            allow_discard: Accept a stream that throws old messages away.
            replicas: Fewest copies of it in a cluster.
            subject: What it must take, when that is not what envelopes go to under the prefix.

        Raises:
            StreamUnfit: It exists and cannot be trusted, the bus cannot keep so many copies, or
                another stream takes its subjects.
            ApiRefused: It cannot be made.
        """
        wanted = subject or subjects.everything(prefix)
        config = api.StreamConfig(
            name=stream,
            subjects=(wanted,),
            storage="file",
            discard="new",
            max_bytes=max_bytes,
            duplicate_window=_DUPLICATES_S * api.NS,
            num_replicas=replicas,
        )
        reason = ""
        for attempt in range(_ATTEMPTS):
            answer = await self._info(stream)
            if answer is not None:
                self._judge(answer, stream, wanted, allow_discard=allow_discard)
                if _config(answer).num_replicas < replicas:
                    await self._copy(stream, _config(answer).num_replicas, replicas)
                return api.state(answer)
            try:
                await self._create(config)
                continue
            except _PassingError as error:
                reason = str(error)
            await self._clock.sleep(backoff.delay(attempt, 0.05, 1.0, 1.0))
        raise ApiRefused(
            f"STREAM.CREATE.{stream}", 500, api.STREAM_CREATE_FAILED, f"again and again: {reason}"
        )

    async def check_coverage(
        self, stream: str, prefix: str, *, allow_discard: bool = False
    ) -> StreamState:
        """Refuse a stream that does not take everything under a prefix, or throws it away.

        Raises:
            StreamUnfit: It does not exist, or cannot be trusted.
        """
        answer = await self._known(stream)
        wanted = subjects.everything(prefix)
        self._judge(answer, stream, wanted, allow_discard=allow_discard)
        return api.state(answer)

    async def check_filter(self, stream: str, wanted: str) -> StreamState:
        """Refuse a consumer's filter that is not wholly inside the stream.

        Raises:
            StreamUnfit: The stream does not exist, or takes only a part of the filter, or none.
        """
        answer = await self._known(stream)
        taken = _config(answer).subjects
        if not any(subjects.covers(subject, wanted) for subject in taken):
            raise StreamUnfit(
                stream,
                f"the filter {wanted} is not inside its subjects {', '.join(taken)}",
                remedy="Correct the filter or the stream in archiver.yaml.",
            )
        return api.state(answer)

    async def state(self, stream: str) -> StreamState:
        """The stream's counters now.

        Raises:
            StreamUnfit: There is no such stream.
        """
        return api.state(await self._known(stream))

    async def archived_floor(self, stream: str, *, since: int | None = None) -> int:
        """The stream sequence up to which every archive has everything; 0 without archives.

        Args:
            stream: Name of the stream.
            since: Only what was acknowledged after this time of the server's, ns, and to the
                process that answers, counts: what it read from its disk may speak of messages
                that are no longer in the stream. None takes its word for those as well.
        """
        floors: list[int] = []
        offset = 0
        while True:
            subject = f"CONSUMER.NAMES.{stream}"
            page = await self._link.ask(api.ConsumerNames, subject, {"offset": offset})
            api.check(subject, page.error)
            names = page.consumers or ()
            for name in names:
                if name.startswith(DURABLE_PREFIX):
                    info = await self._link.ask(
                        api.ConsumerAnswer, f"CONSUMER.INFO.{stream}.{name}"
                    )
                    floors.append(0 if info.error is not None else _floor(info.ack_floor, since))
            offset += len(names)
            if not names or offset >= page.total:
                return min(floors, default=0)

    async def purge_below(self, stream: str, sequence: int) -> int:
        """Throw away what lies below a sequence; returns how many messages went.

        Raises:
            ApiRefused: The server refuses.
        """
        subject = f"STREAM.PURGE.{stream}"
        answer = await self._link.ask(api.Done, subject, {"seq": sequence})
        api.check(subject, answer.error)
        return answer.purged

    async def placement(self, stream: str) -> api.Placement:
        """Which servers of a cluster hold a stream, and who leads.

        Raises:
            StreamUnfit: There is no such stream.
        """
        return (await self._known(stream)).cluster

    async def delete(self, stream: str) -> None:
        """Delete a stream with all it holds; one that is not there is no error."""
        subject = f"STREAM.DELETE.{stream}"
        answer = await self._link.ask(api.Done, subject)
        if answer.error is not None and answer.error.err_code != api.NO_STREAM:
            api.check(subject, answer.error)

    def _judge(
        self, answer: api.StreamAnswer, stream: str, wanted: str, *, allow_discard: bool
    ) -> None:
        config = _config(answer)
        if not any(subjects.covers(subject, wanted) for subject in config.subjects):
            raise StreamUnfit(
                stream,
                f"it takes {', '.join(config.subjects) or 'nothing'} and not all of {wanted}",
                remedy=f"Add {wanted} to its subjects, or correct the prefix in env.yaml.",
            )
        losses = _losses(config)
        if losses and not allow_discard:
            raise StreamUnfit(
                stream,
                f"it throws away what may not be archived yet ({losses})",
                remedy="Set discard=new and no age limit, or `allow_discard: true` in env.yaml.",
            )

    async def _copy(self, stream: str, found: int, wanted: int) -> None:
        """Have as many copies of a stream as are wanted: it was made with fewer."""
        subject = f"STREAM.INFO.{stream}"
        whole = await self._link.ask(api.WholeConfig, subject)
        api.check(subject, whole.error)
        subject = f"STREAM.UPDATE.{stream}"
        body = {**whole.config, "num_replicas": wanted}
        self._check_copies(stream, wanted, await self._link.ask(api.StreamAnswer, subject, body))
        telemetry.copies_added(stream, found, wanted)

    @staticmethod
    def _check_copies(stream: str, wanted: int, answer: api.StreamAnswer) -> None:
        """Refuse what the bus will never do: one server keeps one copy."""
        if answer.error is not None and answer.error.err_code == api.NO_CLUSTER:
            raise StreamUnfit(
                stream,
                f"{wanted} copies are wanted, and the bus is a single server",
                remedy="Run a cluster of nats-servers, or set `replicas: 1`.",
            )
        api.check(f"STREAM.{stream}", answer.error)

    async def _create(self, config: api.StreamConfig) -> None:
        subject = f"STREAM.CREATE.{config.name}"
        answer = await self._link.ask(api.StreamAnswer, subject, config)
        if answer.error is None or answer.error.err_code == api.STREAM_EXISTS:
            return
        if answer.error.err_code != api.NO_CLUSTER and (
            answer.error.is_passing or answer.error.err_code == api.NO_PEERS
        ):
            raise _PassingError(answer.error.description)
        if answer.error.err_code == api.SUBJECTS_OVERLAP:
            raise StreamUnfit(
                config.name,
                f"another stream of this bus takes some of {', '.join(config.subjects)}",
                remedy="Two environments on one bus need prefixes of their own: give this one another.",
            )
        self._check_copies(config.name, config.num_replicas, answer)

    async def _known(self, stream: str) -> api.StreamAnswer:
        answer = await self._info(stream)
        if answer is None:
            raise StreamUnfit(
                stream,
                "it does not exist",
                remedy="Start a connector for it, or correct its name.",
            )
        return answer

    async def _info(self, stream: str) -> api.StreamAnswer | None:
        subject = f"STREAM.INFO.{stream}"
        answer = await self._link.ask(api.StreamAnswer, subject)
        if answer.error is not None and answer.error.err_code == api.NO_STREAM:
            return None
        api.check(subject, answer.error)
        return answer


class _PassingError(Exception):
    """The server could not do it now."""


def _config(answer: api.StreamAnswer) -> api.StreamConfig:
    return answer.config or api.StreamConfig(name="")


def _floor(at: api.Position, since: int | None) -> int:
    if since is None or (at.last_active and parse_rfc3339(at.last_active) > since):
        return at.stream_seq
    return 0


def _losses(config: api.StreamConfig) -> str:
    """By which of its settings a stream throws old messages away."""
    reasons = []
    if config.max_age > 0:
        reasons.append(f"max_age {config.max_age // api.NS} s")
    if config.max_msgs_per_subject > 0:
        reasons.append("max_msgs_per_subject")
    if config.discard != "new" and (config.max_bytes > 0 or config.max_msgs > 0):
        reasons.append("discard=old")
    if config.retention != "limits":
        reasons.append(f"retention={config.retention}")
    return ", ".join(reasons)
