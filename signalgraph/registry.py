"""What is connected now."""

from __future__ import annotations

from dataclasses import dataclass

from django.dispatch import Signal

from signalgraph.events import ConnectionInfo, Inventory, Process, Wiring


@dataclass(frozen=True)
class Row:
    sender_key: int | None
    ident: int
    sender: str
    receiver: str
    info: ConnectionInfo


class Registry:
    def scan(self) -> None: ...

    def signal_name(self, signal: Signal) -> str:
        return "unnamed"

    def rows(self, signal: Signal) -> list[Row]:
        return []

    def wiring(self, process: Process, wall_us: int) -> Wiring:
        return Wiring(process, wall_us, [], [])

    def inventory(self) -> Inventory:
        return Inventory(1, [], [])

    def fingerprint(self) -> int:
        return 0

    def learn_sender(self, key: int, label: str) -> None: ...


REGISTRY = Registry()
