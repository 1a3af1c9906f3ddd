"""The exact sums of a log, read once and grown batch by batch."""

from __future__ import annotations

from msgspec import structs

from signalgraph.events import Batch, Total
from signalgraph.log.base import Totals
from signalgraph.names import connection_id
from signalgraph.resolve import connection_ids


class Sums:
    """What was counted since the log began: by connection id, by the name of a signal, and what nobody heard or was
    only counted.

    `changed` holds the position at which the total of a connection changed last.
    """

    def __init__(self, totals: Totals, position: int) -> None:
        self.connections = {connection_id(s, sig, r): total for (sig, s, r), total in totals.connections.items()}
        self.unheard = dict(totals.unheard)
        self.ignored = dict(totals.ignored)
        self.dispatched = totals.dispatched
        self.changed = dict.fromkeys(self.connections, position)
        self._signals = dict(totals.signals)
        self._queries: dict[str, int] = {}
        for (signal, _, _), total in totals.connections.items():
            self._queries[signal] = self._queries.get(signal, 0) + total.queries

    def add(self, position: int, batch: Batch) -> None:
        """Add a batch that came after those in the totals."""
        ids = connection_ids(batch)
        for key, (signal, _, _), total in zip(ids, batch.connections, batch.totals, strict=True):
            self.connections[key] = self.connections.get(key, Total()) + total
            self.changed[key] = position
            name = batch.signals[signal]
            self._queries[name] = self._queries.get(name, 0) + total.queries
        for name, total in zip(batch.signals, batch.signal_totals, strict=False):  # none from an older recorder
            self._signals[name] = self._signals.get(name, Total()) + total
        for counted, counts in ((self.unheard, batch.unheard), (self.ignored, batch.ignored)):
            for signal, count in counts:
                name = batch.signals[signal]
                counted[name] = counted.get(name, 0) + count
        self.dispatched += batch.dispatched

    def of_signal(self, name: str) -> Total:
        """The dispatches of a signal, with the queries of its receivers."""
        return structs.replace(self._signals.get(name, Total()), queries=self._queries.get(name, 0))
