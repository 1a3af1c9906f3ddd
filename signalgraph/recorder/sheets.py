"""One batch in the making: its tables of names and its totals."""

from __future__ import annotations

from typing import Any

from signalgraph.events import ReceiverCall, Total
from signalgraph.recorder.outcomes import NOT_REACHED, NOT_TIMED, RAISED

Connection = tuple[str, str, str]  # signal, sender filter, receiver


class Numbering(dict[Any, int]):
    """Positions in one of a batch's tables, given in the order of first use."""

    def __missing__(self, name: Any) -> int:
        self[name] = position = len(self)
        return position


class Sheet:
    """The tables and totals of one batch."""

    def __init__(self) -> None:
        self.signals, self.senders, self.receivers, self.sites = Numbering(), Numbering(), Numbering(), Numbering()
        self.connections: Numbering = Numbering()
        self.totals: list[list[int]] = []  # by position of the connection, fields of `Total`
        self.signal_totals: dict[int, list[int]] = {}  # by position of the signal
        self.transactions: dict[int, int] = {}  # those that were named, to the trace that does

    def connection(self, connection: Connection) -> int:
        signal, sender, receiver = connection
        position = self.connections[self.signals[signal], self.senders[sender], self.receivers[receiver]]
        if position == len(self.totals):
            self.totals.append([0] * 6)
        return position

    def name_transaction(self, transaction: int | None, trace: int) -> None:
        if transaction:
            self.transactions[transaction] = trace

    def count_call(self, call: ReceiverCall, *, again: bool = False) -> None:
        """Add a call to the totals; `again`: it was counted when it was still running."""
        if call.status == NOT_REACHED:
            return
        total = self.totals[call.connection]
        if call.status == NOT_TIMED:
            total[5] += 1
            return
        add(total, not again, call.status == RAISED, call.duration_ns or 0, call.duration_ns or 0)
        total[4] += call.queries

    def count_calls(self, connection: int, calls: int, ns: int, max_ns: int) -> None:
        """Add calls that returned and made no query."""
        add(self.totals[connection], calls, 0, ns, max_ns)

    def count_dispatches(self, signal: int, dispatches: int, errors: int, ns: int, max_ns: int) -> None:
        add(self._of_signal(signal), dispatches, errors, ns, max_ns)

    def count_untimed(self, signal: int) -> None:
        """Add a dispatch of which not even the receivers are known."""
        self._of_signal(signal)[5] += 1

    def count_error(self, signal: int) -> None:
        """Add an error to a dispatch that was counted without one."""
        self._of_signal(signal)[1] += 1

    def _of_signal(self, position: int) -> list[int]:
        total = self.signal_totals.get(position)
        if total is None:
            total = self.signal_totals[position] = [0] * 6
        return total

    def connection_figures(self) -> list[Total]:
        return [Total(*figures) for figures in self.totals]

    def signal_figures(self) -> list[Total]:
        return [Total(*self.signal_totals.get(position, ())) for position in range(len(self.signals))]


def add(total: list[int], count: int, errors: int, ns: int, max_ns: int) -> None:
    total[0] += count
    total[1] += errors
    total[2] += ns
    if max_ns > total[3]:
        total[3] = max_ns
