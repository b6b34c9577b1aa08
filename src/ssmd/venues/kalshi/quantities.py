"""Prices and sizes that may be spelled the old way, the new way, or both at once."""

from decimal import Decimal
from typing import Final

from ssmd.model.fields import Fields, encode, exactly

_CENTS: Final = 100


class Quantities(Fields):
    """An object with prices and sizes.

    Prices were integer cents until 2026-03-12 and are text in dollars (`..._dollars`) since;
    sizes were integers and are text (`..._fp`) now; for half a year both stood in one frame. The
    new spelling is read when it says anything, the old one otherwise. An old spelling that
    repeats the new one is no news; one that says something else stays in `extra`.
    """

    def price(self, column: str, new: str, old: str) -> Decimal | None:
        """Dollars for one contract that pays a dollar, or pays nothing.

        What is below nothing or above a dollar is no such price, nor is a fraction in the
        field that holds whole cents: their text is kept in `inexact`, and nothing is guessed.
        """
        found = self.amount(column, new, old, divide=_CENTS)
        if found is not None and not 0 <= found <= 1:
            self.keep(column, new if self.peek(new) is not None else old)
            return None
        return found

    def count(self, column: str, new: str, old: str) -> Decimal | None:
        """How many contracts; hundredths of them exist."""
        return self.amount(column, new, old)

    def amount(self, column: str, new: str, old: str, *, divide: int = 1) -> Decimal | None:
        """Another quantity in two spellings; the old one is a whole number of cents, say."""
        if self.peek(new) is None:
            self.ignore(new)
            exact = exactly(self.peek(old))
            if divide != 1 and exact is not None and exact != exact.to_integral_value():
                self.ignore(old)
                self.keep(column, old)
                return None
            return self.number(old, column, divide=divide)
        found = self.number(new, column)
        again = self.peek(old)
        if again is None or (
            found is not None and found == Fields({old: again}).number(old, divide=divide)
        ):
            self.ignore(old)
        return found

    def need(self, *names: str) -> None:
        """One of these must say something.

        Raises:
            ValueError: None does.
        """
        if all(self.peek(name) is None for name in names):
            raise ValueError(f"`{names[0]}` is missing")

    def words(self, name: str, column: str | None = None) -> str | None:
        """A string; what is none is kept as JSON text in `inexact`."""
        try:
            return self.text(name)
        except ValueError:
            self.keep(column or name, name)
            return None

    def truth(self, name: str) -> bool | None:
        """A truth value; what is none is kept as text in `inexact`."""
        try:
            return self.flag(name)
        except ValueError:
            self.keep(name, name)
            return None

    def peek(self, name: str) -> object:
        """The value as it came, still unread; None when it is missing or null."""
        return self._values.get(name)

    def unread(self) -> dict[str, object]:
        """Every field that nobody asked for."""
        return {name: value for name, value in self._values.items() if name not in self._asked}

    def keep(self, column: str, name: str) -> None:
        """The column cannot hold what the field says: its exact text is kept."""
        value = self.peek(name)
        self.inexact[column] = value if isinstance(value, str) else encode(value)
