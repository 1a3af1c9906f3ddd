"""What the log knows of processes from their entries and signs of life."""

from __future__ import annotations

from msgspec import structs

from signalgraph.events import Batch, Entry, Heartbeat

SILENT_MS = 10_000


def is_living(heartbeat: Heartbeat, now_ms: int) -> bool:
    """Whether a process has not ended and gave a sign of life within the last 10 s."""
    return not heartbeat.ended and now_ms - heartbeat.seen_ms < SILENT_MS


def carry_over(known: Heartbeat | None, entry: Entry) -> Heartbeat:
    """The heartbeat of an entry's process after the entry. A batch is recorded, a wiring may be told while paused."""
    seen_ms = entry.wall_us // 1000
    beat = known or Heartbeat(entry.process, seen_ms, recording=False)
    if not isinstance(entry, Batch):
        return structs.replace(beat, seen_ms=max(beat.seen_ms, seen_ms), ended=False)
    return Heartbeat(
        entry.process,
        max(beat.seen_ms, seen_ms),
        True,
        entry.recorded,
        entry.dropped,
        beat.lost,
        ended=False,
        sampled=beat.sampled + entry.sampled,
        share=entry.share,
    )
