"""Which conversations a customer has, of a contract's that billing holds."""

from __future__ import annotations


class Customers:
    """The conversations of each customer; of most there is one, which is held by itself."""

    def __init__(self) -> None:
        self._names: dict[bytes, str | tuple[str, ...]] = {}

    def of(self, customer: bytes) -> tuple[str, ...]:
        """A customer's conversations; none of one that nothing is known of."""
        held = self._names.get(customer, ())
        return (held,) if isinstance(held, str) else held

    def add(self, customer: bytes, name: str) -> None:
        """`name` is a conversation of the customer."""
        held = self.of(customer)
        if name not in held:
            self._names[customer] = (*held, name) if held else name

    def discard(self, customer: bytes, name: str) -> None:
        """`name` is none of the customer's any more."""
        left = tuple(one for one in self.of(customer) if one != name)
        if not left:
            self._names.pop(customer, None)
        else:
            self._names[customer] = left[0] if len(left) == 1 else left
