"""A position on the bus below which everything is durable."""

import msgspec


class Watermark(msgspec.Struct, frozen=True, gc=False):
    """Everything of this stream up to `sequence` is durable at the rung that issued it.

    Attributes:
        stream: Name of the stream.
        created: When the stream was created, ns since the Unix epoch: a stream deleted and made
            again has the same name and other contents.
        sequence: Stream sequence; 0 when nothing is durable yet.
        stored: When the bus stored the message that stands there, ns by its clock; 0 when unknown.
    """

    stream: str
    created: int
    sequence: int
    stored: int = 0
