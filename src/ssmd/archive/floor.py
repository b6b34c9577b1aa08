"""The bus position: the highest stream sequence below which nothing is owed any more. Pure."""

from ssmd.model.intervals import Intervals


class Floor:
    """Which stream sequences were delivered, in whatever order they came.

    Attributes:
        value: Everything up to here was delivered, or will never come.
    """

    def __init__(self, value: int) -> None:
        self.value = value
        self._beyond = Intervals()

    def add(self, sequence: int) -> None:
        """One sequence was delivered."""
        if sequence == self.value + 1 and not self._beyond:  # the common case: in order
            self.value = sequence
        elif sequence > self.value:
            self._beyond.add(sequence)
            self._rise()

    def raise_to(self, sequence: int) -> None:
        """Nothing up to `sequence` will come that did not come yet."""
        if sequence > self.value:
            self.value = sequence
            self._rise()

    def _rise(self) -> None:
        kept = Intervals()
        for first, last in self._beyond:
            if first <= self.value + 1:
                self.value = max(self.value, last)
            else:
                kept.add_range(first, last)
        self._beyond = kept
