"""What is wrong with a resource, as its conditions say it. Pure."""

import msgspec


class Complaint(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong.

    Attributes:
        condition: The condition that does not hold.
        reason: Why, in one CamelCase word.
        message: Why, in sentences that say where and what to do.
    """

    condition: str
    reason: str
    message: str
