"""Whether it works, as one sentence: who records, how fresh it is, what is lost, what was left out."""

from __future__ import annotations

from dataclasses import dataclass

from signalgraph.web.figures import duration_words, number
from signalgraph.web.scope import Scope


@dataclass(frozen=True)
class Health:
    """`glyph` is "ok", "slow" (look at it) or "error"; `word` begins the sentence."""

    glyph: str
    word: str
    sentence: str


def lost_words(scope: Scope) -> str:
    return f"{number(scope.index.lost)} lost"


def share_words(share: float) -> str:
    """A share of the traces in words: 1 in 10, 30 %, all."""
    if share >= 1:
        return "all"
    times = 1 / share if share else 0
    return f"1 in {round(times)}" if abs(times - round(times)) < 0.01 else f"{share * 100:.2g} %"


def sampling_words(scope: Scope) -> str:
    """Which traces are kept of what is recorded now: all of them, or a share of them."""
    shares = scope.shares
    if not shares:
        return "not sampled"
    kept = share_words(shares[0]) + (f" to {share_words(shares[-1])}" if len(shares) > 1 else "")
    return f"{kept} traces kept, errors and slow ones always"


def muted_words(scope: Scope) -> str:
    """How many signals viewers have muted; "" for none."""
    count = len(scope.control.muted)
    return f"{count} signal{'s are' if count > 1 else ' is'} muted" if count else ""


def read_health(scope: Scope) -> Health:
    """What the overview says first; the strip repeats what is lost and sampled."""
    recording = sum(beat.recording for beat in scope.living)
    newest = scope.newest_age_s
    fresh = f"newest event {duration_words(newest)} ago" if newest is not None else "no event yet"
    facts = f"{fresh}, {', '.join(filter(None, (lost_words(scope), sampling_words(scope), muted_words(scope))))}."
    if recording:
        processes = f"{recording} process{'es' if recording > 1 else ''}"
        glyph = "slow" if scope.index.lost else "ok"
        return Health(glyph, "Working, with gaps." if scope.index.lost else "Working.", f"{processes}, {facts}")
    if scope.control.paused and scope.living:
        return Health("slow", "Recording is paused.", f"A viewer paused it in every process; {facts}")
    gone = [beat for beat in scope.heartbeats if not beat.ended and beat.recording]
    if gone:
        age = duration_words(scope.now_s - gone[0].seen_ms / 1000)
        who = gone[0].process.label
        return Health("slow", "Stale.", f"No sign of life for {age}, the last from {who}; {facts}")
    return Health("slow", "Not recording now.", f"What is shown was recorded before; {facts}")
