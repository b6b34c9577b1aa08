"""Which messages of a stream with one writer at a time count. Pure.

Every message of a chained stream names the sequence it must follow. Messages are sent without
waiting for each other's receipts, so when a stranger's message takes the place of one, the next may
find the sequence it names all the same: it is stored, and the one before it is not. Such a message
is void, and so is what a writer sends after another has closed its connection. Readers and the next
writer find out by the same rule, from what stands in the stream alone:

* a connection begins with its record 0, and ends with another `_connection` record;
* within it, ordinals and record numbers are given without a gap;
* what comes of a connection that is not the one begun last, or after a gap, is void.
"""

from ssmd.model.envelope import CONNECTION, Envelope


class Chain:
    """Follows a stream from anywhere on, and says of every message whether it counts.

    What comes first is taken at its word: begin so many messages earlier as may be outstanding.

    Attributes:
        sequence: Stream sequence of the last message that counts; 0 when none does.
        connection: Whose it is; empty when none is known.
        ordinal: The last ordinal of that connection; -1 when none was seen.
        record: Its last record number; -1 when none was seen.
        closed: Whether its closing record was seen.
        greatest: The greatest ordinal seen of it, whether it counts or not.
        missing: The ordinals, first and last, that are missing before the rest is void.
    """

    def __init__(self) -> None:
        self.sequence = 0
        self.connection = ""
        self.ordinal = -1
        self.record = -1
        self.closed = False
        self.greatest = -1
        self.missing: tuple[int, int] | None = None
        self._whole = False
        self._broken = False

    def take(self, sequence: int, envelope: Envelope) -> bool:
        """Whether the next message counts.

        Args:
            sequence: Where it stands; must grow.
            envelope: What it is; its payload is not looked at.
        """
        if envelope.connection != self.connection:
            if not self._begins(envelope):
                return False
            self._begin(envelope)
        elif envelope.ordinal is not None:
            self.greatest = max(self.greatest, envelope.ordinal)
        if self.closed or self._broken or not self._follows(envelope):
            return False
        if envelope.ordinal is not None:
            self.ordinal = self.greatest = envelope.ordinal
        elif envelope.record is not None:
            self.record = envelope.record
            self.closed = envelope.type == CONNECTION and envelope.record > 0
        self.sequence = sequence
        return True

    def _begins(self, envelope: Envelope) -> bool:
        if envelope.type == CONNECTION and envelope.record == 0:
            return True
        # In the middle of a stream the beginning was not seen: ids grow with time.
        return not self._whole and envelope.connection > self.connection

    def _begin(self, envelope: Envelope) -> None:
        self._whole = envelope.type == CONNECTION and envelope.record == 0
        self.connection = envelope.connection
        self.ordinal = self.record = self.greatest = -1
        self.closed = self._broken = False
        self.missing = None

    def _follows(self, envelope: Envelope) -> bool:
        if envelope.ordinal is not None:
            known, number = self.ordinal, envelope.ordinal
        else:
            known, number = self.record, -1 if envelope.record is None else envelope.record
        if number == known + 1 or (known < 0 and not self._whole):
            return True
        # A number that comes again is a second delivery, not a gap.
        self._broken = number > known
        if self._broken and envelope.ordinal is not None:
            self.missing = (known + 1, number - 1)
        return False
