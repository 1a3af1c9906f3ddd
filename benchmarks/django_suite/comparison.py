"""Whether a module behaves the same plain and recorded, and whether a difference stands when it is looked at again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.django_suite.runs import WAYS, Outcome, Way, label

Run = Callable[[Way, list[str]], Outcome]


@dataclass(frozen=True)
class Difference:
    """`what` one way has and the other has not; `verdict` tells how it went when it was run again."""

    module: str
    what: tuple[str, ...]
    verdict: str = "not run again"
    stands: bool = True


def differences(plain: Outcome, recorded: Outcome) -> tuple[str, ...]:
    """What only one of them has: "recorded: FAIL: ..."; nothing when both are in the same trouble."""
    if plain.trouble or recorded.trouble:
        return () if plain.trouble == recorded.trouble else (f"plain: {plain.trouble}; recorded: {recorded.trouble}",)
    found = [f"plain: {heading}" for heading in plain.failures if heading not in recorded.failures]
    found += [f"recorded: {heading}" for heading in recorded.failures if heading not in plain.failures]
    numbers = [{"ran": outcome.ran} | outcome.counts for outcome in (plain, recorded)]
    if numbers[0] != numbers[1]:
        found.append(f"plain: {numbers[0]}; recorded: {numbers[1]}")
    return tuple(found)


def heading_of(difference: str) -> str:
    return difference.partition(": ")[2]


def look_again(difference: Difference, run: Run, times: int) -> Difference:
    """Run what differs alone, `times` each way, then its module once more; it stands when one of them differs again."""
    labels = {label(heading_of(what)) for what in difference.what}
    if None not in labels:
        alone = sorted(name for name in labels if name)
        failed = {way: [len(attempt(run(way, alone))) for _ in range(times)] for way in WAYS}
        verdict = f"alone: plain {failed['plain']}, recorded {failed['recorded']} failures"
        # What fails at times either way is flaky; what never fails one way and does the other way is not.
        if any(failed["plain"]) != any(failed["recorded"]):
            return Difference(difference.module, difference.what, verdict, stands=True)
    else:
        verdict = "not a test by itself"
    plain, recorded = (run(way, [difference.module]) for way in WAYS)
    again = set(differences(plain, recorded)) & set(difference.what)
    verdict += "; its module again: " + ("the same" if again else "no such difference")
    return Difference(difference.module, difference.what, verdict, stands=bool(again))


def attempt(outcome: Outcome) -> tuple[str, ...]:
    return (outcome.trouble,) if outcome.trouble else outcome.failures
