"""How transactions ended, and what that means for what was done in them."""

from __future__ import annotations

from collections import deque

from signalgraph.events import Transaction

MOST = 20_000
DEEPEST = 200  # transactions around one another

COMMITTED, ROLLED_BACK = "committed", "rolled back"


class Fates:
    """The ends of the newest `MOST` transactions, by process and id.

    `around` is asked for what isn't known here.
    """

    def __init__(self, around: Fates | None = None) -> None:
        self._around = around
        self._known: dict[tuple[str, int], Transaction] = {}
        self._rows: deque[tuple[int, str, Transaction]] = deque()

    def add(self, position: int, process: str, transaction: Transaction) -> None:
        self._rows.append((position, process, transaction))
        self._known[process, transaction.id] = transaction
        while len(self._rows) > MOST:
            _, of, oldest = self._rows.popleft()
            if self._known.get((of, oldest.id)) is oldest:
                del self._known[of, oldest.id]

    def get(self, process: str, transaction: int) -> Transaction | None:
        """The end of a transaction; None where it isn't known, or not yet."""
        found = self._known.get((process, transaction))
        return self._around.get(process, transaction) if found is None and self._around else found

    def of(self, process: str, transaction: int) -> str | None:
        """What became of what was done in a transaction.

        `ROLLED_BACK` where it or one of its database around it was, `COMMITTED` where all of them were committed, None
        where that is not known, and outside of a transaction (0, or negative: after the commit of one).
        """
        if transaction <= 0:
            return None
        using = None
        for _ in range(DEEPEST):
            end = self.get(process, transaction)
            if end is None:
                return None
            using = using or end.using
            if not end.committed and end.using == using:
                return ROLLED_BACK
            if end.outer <= 0:
                return COMMITTED
            transaction = end.outer
        return None

    def outermost(self, process: str, transaction: int) -> Transaction | None:
        """The end of the outermost transaction around one as far as ends are known; None where none is."""
        found = None
        for _ in range(DEEPEST):
            end = self.get(process, transaction)
            if end is None:
                break
            found, transaction = end, end.outer
            if transaction <= 0:
                break
        return found

    def after(self, position: int) -> list[tuple[str, Transaction]]:
        """(process, transaction) of those that were told after a position, oldest first."""
        found: list[tuple[str, Transaction]] = []
        for at, process, transaction in reversed(self._rows):
            if at <= position:
                break
            found.append((process, transaction))
        return found[::-1]
