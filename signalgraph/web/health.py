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


def read_health(scope: Scope) -> Health:
    """What the overview says first; the strip repeats what is lost and sampled."""
    recording = sum(beat.recording for beat in scope.living)
    newest = scope.newest_age_s
    fresh = f"newest event {duration_words(newest)} ago" if newest is not None else "no event yet"
    facts = f"{fresh}, {lost_words(scope)}, not sampled."
    if recording:
        processes = f"{recording} process{'es' if recording > 1 else ''}"
        glyph = "slow" if scope.index.lost else "ok"
        return Health(glyph, "Working, with gaps." if scope.index.lost else "Working.", f"{processes}, {facts}")
    gone = [beat for beat in scope.heartbeats if not beat.ended and beat.recording]
    if gone:
        age = duration_words(scope.now_s - gone[0].seen_ms / 1000)
        who = gone[0].process.label
        return Health("slow", "Stale.", f"No sign of life for {age}, the last from {who}; {facts}")
    return Health("slow", "Not recording now.", f"What is shown was recorded before; {facts}")
