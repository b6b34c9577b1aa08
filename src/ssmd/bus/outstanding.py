"""What a publisher has taken and the stream has not confirmed yet."""

from collections import deque

from ssmd.bus import codec


class Whole:
    """What a caller published: one message, or the pieces of a large one.

    Attributes:
        key: The caller's own.
        message: As encoded, before any cut.
        ts_recv: When it was received, ns; None when nobody knows.
        numbers: Of its items.
        left: How many items are not stored yet.
        sequence: The highest stream sequence of those that are.
        duplicate: Whether the stream had all of those already.
    """

    __slots__ = ("duplicate", "key", "left", "message", "numbers", "sequence", "ts_recv")

    def __init__(self, key: int, message: codec.Message, ts_recv: int | None = None) -> None:
        self.key = key
        self.message = message
        self.ts_recv = ts_recv
        self.numbers: list[int] = []
        self.left = 1
        self.sequence = 0
        self.duplicate = True


class Item:
    """One message on its way.

    Attributes:
        message: What is sent.
        whole: What it is, or is a piece of.
        sent_at: When it was sent last, monotonic seconds.
        denials: How often the server denied it.
        denied_at: How many receipts the publisher had at its first denial.
    """

    __slots__ = ("denials", "denied_at", "message", "sent_at", "whole")

    def __init__(self, message: codec.Message, whole: Whole) -> None:
        self.message = message
        self.whole = whole
        self.sent_at = 0.0
        self.denials = 0
        self.denied_at = 0


class Outstanding:
    """Numbered items: each is either sent, or waiting to be sent (again).

    Attributes:
        items: All of them, by number.
        sent: Numbers, the oldest send first.
        queue: Numbers of those that wait, next first.
        bytes: Payload bytes of all of them.
    """

    def __init__(self) -> None:
        self.items: dict[int, Item] = {}
        self.sent: dict[int, None] = {}
        self.queue: deque[int] = deque()
        self.bytes = 0
        self._number = 0

    def admit(self, item: Item) -> None:
        """Take an item; it waits behind the others."""
        self._number += 1
        self.items[self._number] = item
        item.whole.numbers.append(self._number)
        self.bytes += len(item.message.payload)
        self.queue.append(self._number)

    def take(self, number: int) -> Item | None:
        """Take an item away, wherever it is; None when it is gone already."""
        item = self.items.pop(number, None)
        if item is not None:
            self.bytes -= len(item.message.payload)
            if number in self.sent:
                del self.sent[number]
            else:
                self.queue.remove(number)  # given up too early: it was to be sent again
        return item

    def postpone(self, number: int) -> bool:
        """Have a sent item wait again, behind the others; False when it is not sent."""
        if number not in self.sent:
            return False
        del self.sent[number]
        self.queue.append(number)
        return True

    def recall(self) -> None:
        """Everything sent waits again, first, and in order."""
        self.queue.extendleft(reversed(self.sent))
        self.sent.clear()

    def forget(self, whole: Whole) -> None:
        """Take all items of one message away."""
        for number in whole.numbers:
            self.take(number)
        whole.numbers.clear()

    def oversized(self, most: int) -> list[Whole]:
        """What no longer fits the server's limit on headers and payload together."""
        return list(
            {
                item.whole.key: item.whole
                for item in self.items.values()
                if len(item.message.headers) + len(item.message.payload) > most
            }.values()
        )

    def late(self, limit: float) -> list[int]:
        """Numbers of what was sent before a monotonic time and is not answered."""
        found: list[int] = []
        for number in self.sent:
            if self.items[number].sent_at > limit:
                break
            found.append(number)
        return found
