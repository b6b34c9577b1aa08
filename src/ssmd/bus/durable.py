"""A durable consumer on the server: who holds it, and where it begins."""

from typing import Final

import msgspec

from ssmd.bus import api, telemetry
from ssmd.bus.errors import BusAway, Rebuilt, StreamUnfit
from ssmd.bus.link import Link

GROUP: Final = "archive"
"""Priority group of every archiver's consumer."""
_RESET_SINCE: Final = (2, 14)
_NOBODY: Final = api.Group()


class Durable(msgspec.Struct, frozen=True):
    """One durable consumer of one stream, held by one client at a time.

    Attributes:
        link: The connection to ask over.
        stream: Name of the stream.
        name: Name of the consumer.
        filter: Subjects wanted.
        pin_ttl_s: A holder that asks for nothing this long loses it, in seconds.
        ack_wait_s: When what is not acknowledged is delivered again, in seconds.
        max_ack_pending: Most messages delivered and not acknowledged.
    """

    link: Link
    stream: str
    name: str
    filter: str
    pin_ttl_s: float
    ack_wait_s: float
    max_ack_pending: int

    async def state(self) -> api.StreamState:
        """The stream now.

        Raises:
            StreamUnfit: There is no such stream.
            Rebuilt: The server cannot say.
        """
        answer = await self.link.ask(api.StreamAnswer, f"STREAM.INFO.{self.stream}")
        self._check(answer.error)
        return api.state(answer)

    async def holder(self) -> str:
        """The pin of whoever holds the consumer; empty when nobody does, or there is none.

        Raises:
            StreamUnfit: The consumer is of another kind, or the stream is gone.
        """
        answer = await self._info()
        if answer is None:
            return ""
        config = answer.config
        if config is None or (config.ack_policy, config.filter_subject, config.priority_policy) != (
            "all",
            self.filter,
            "pinned_client",
        ):
            raise StreamUnfit(
                self.stream,
                f"its consumer {self.name} has another filter or another policy",
                remedy="Give the archiver another consumer name, or delete the consumer.",
            )
        return (*answer.priority_groups, _NOBODY)[0].pinned_client_id

    async def unpin(self, timeout_s: float) -> None:
        """Take the consumer from whoever holds it; a failure is only told."""
        try:
            await self.link.ask(
                api.Done, f"CONSUMER.UNPIN.{self.stream}.{self.name}", {"group": GROUP}, timeout_s
            )
        except BusAway as error:
            telemetry.consumer_failed(self.name, f"could not let it go: {error.reason}")

    async def begin_after(self, position: int) -> bool:
        """Make it begin after a stream sequence, whatever was acknowledged before.

        One with fewer copies than its stream is made anew: with its server its place would go.
        True when it was made anew, so that nobody holds it.

        Raises:
            Rebuilt: The server refuses.
        """
        found = await self._info()
        version = tuple(
            int(part) for part in self.link.info.version.split(".")[:2] if part.isdigit()
        )
        is_fit = found is not None and await self._has_copies(found)
        if is_fit and version >= _RESET_SINCE:
            # A consumer that is missing is not refused here, it is a time-out [ran].
            reset = f"CONSUMER.RESET.{self.stream}.{self.name}"
            self._check((await self.link.ask(api.Done, reset, {"seq": position + 1})).error)
            return False
        if found is not None:
            delete = f"CONSUMER.DELETE.{self.stream}.{self.name}"
            self._check((await self.link.ask(api.Done, delete)).error)
        config = api.ConsumerConfig(
            deliver_policy="by_start_sequence",
            opt_start_seq=position + 1,
            ack_policy="all",
            durable_name=self.name,
            name=self.name,
            ack_wait=int(self.ack_wait_s * api.NS),
            filter_subject=self.filter,
            max_ack_pending=self.max_ack_pending,
            priority_groups=(GROUP,),
            priority_policy="pinned_client",
            priority_timeout=int(self.pin_ttl_s * api.NS),
        )
        create = f"CONSUMER.CREATE.{self.stream}.{self.name}"
        request = api.CreateConsumer(self.stream, config)
        self._check((await self.link.ask(api.ConsumerAnswer, create, request)).error)
        return True

    async def _has_copies(self, found: api.ConsumerAnswer) -> bool:
        """Whether a consumer has as many copies as its stream; 0 says just that."""
        copies = 0 if found.config is None else found.config.num_replicas
        if not copies:
            return True
        answer = await self.link.ask(api.StreamAnswer, f"STREAM.INFO.{self.stream}")
        self._check(answer.error)
        wanted = copies if answer.config is None else answer.config.num_replicas
        if copies != wanted:
            telemetry.consumer_copies(self.name, copies, wanted)
        return copies == wanted

    async def _info(self) -> api.ConsumerAnswer | None:
        """What the server knows of it; None when it is not there."""
        answer = await self.link.ask(api.ConsumerAnswer, f"CONSUMER.INFO.{self.stream}.{self.name}")
        if answer.error is not None and answer.error.err_code == api.NO_CONSUMER:
            return None
        self._check(answer.error)
        return answer

    def _check(self, error: api.Error | None) -> None:
        if error is None:
            return
        if error.err_code == api.NO_STREAM:
            raise StreamUnfit(
                self.stream,
                "it does not exist",
                remedy="Start a connector for it, or correct the name in archiver.yaml.",
            )
        raise Rebuilt(self.name, f"{error.description} ({error.err_code})")
