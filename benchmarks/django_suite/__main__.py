"""`make django-suite`: exits 1 when Django's tests fail differently under recording, 2 when that can't be said."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import django

from benchmarks.django_suite import source
from benchmarks.django_suite.comparison import Difference, differences, look_again
from benchmarks.django_suite.runs import WAYS, EndedFromOutside, Outcome, Results, Runner, Way, code_digest

LINE = "{:<34} {:>6} {:>7} {:>9} {:>11} {:>7}  {}"


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.django_suite", description=__doc__)
    parser.add_argument("modules", nargs="*", help="test modules or labels; all by default")
    parser.add_argument("--quick", action="store_true", help=f"only these: {' '.join(source.QUICK)}")
    parser.add_argument("--again", action="store_true", help="afresh, even where there are results")
    parser.add_argument("--differing", action="store_true", help="record those again that differ or were in trouble")
    parser.add_argument("--plain-only", action="store_true", help="fill the plain results and compare nothing")
    parser.add_argument("--recorded-only", action="store_true", help="run recorded; compare with what there is")
    parser.add_argument("--no-extras", action="store_true", help=f"without {' '.join(source.EXTRAS)}")
    parser.add_argument("--jobs", type=int, default=1, help="modules at once (%(default)s)")
    parser.add_argument("--times", type=int, default=3, help="how often a test that differs is run alone (%(default)s)")
    parser.add_argument("--limit", type=float, default=1800, help="seconds for one module (%(default)s)")
    parser.add_argument("--nice", type=int, default=0, help="lower the priority by so much")
    return parser.parse_args(argv)


def fill(results: Results, runner: Runner, tasks: list[tuple[Way, str]], jobs: int) -> None:
    """Run every task and keep its result as soon as it is there."""

    def one(task: tuple[Way, str]) -> None:
        way, module = task
        try:
            outcome = runner.run(way, [module], results.path(way, module, ".txt"))
        except EndedFromOutside as error:
            say(str(error))
            return
        results.save(way, module, outcome)
        count = f", {outcome.facts.get('dispatches', 0)} dispatches" if way == "recorded" else ""
        told = outcome.trouble or f"{outcome.ran} tests, {len(outcome.failures)} fail{count}"
        say(f"{way:<8} {module}: {told} ({outcome.seconds} s)")

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, tasks))


def wanted(results: Results, names: list[str], options: argparse.Namespace) -> list[tuple[Way, str]]:
    """What is to be run: each module plain, then recorded, unless there is a result already."""
    ways = [way for way in WAYS if not getattr(options, {"plain": "recorded_only", "recorded": "plain_only"}[way])]

    def there(way: Way, name: str) -> bool:
        found = results.load(way, name)
        if options.again or found is None:
            return False
        plain = results.load("plain", name)
        return not (options.differing and way == "recorded" and plain and (found.trouble or differences(plain, found)))

    return [(way, name) for name in names for way in ways if not there(way, name)]


def compare(results: Results, names: list[str], runner: Runner, times: int) -> tuple[list[Difference], list[str]]:
    """Look again at what differs; beside it the modules that lack a result."""
    found, missing = [], []
    for name in names:
        plain, recorded = (results.load(way, name) for way in WAYS)
        if plain is None or recorded is None:
            missing.append(name)
        elif what := differences(plain, recorded):

            def run(way: Way, labels: list[str], name: str = name) -> Outcome:
                return runner.run(way, labels, results.path(way, name, ".again.txt"))

            found.append(look_again(Difference(name, what), run, times))
    return found, missing


def table(results: Results, names: list[str]) -> dict[str, int]:
    """Write a line for each module and return the sums."""
    sums = {"tests": 0, "failures": 0, "dispatches": 0, "faults": 0, "dropped": 0, "older": 0, "trouble": 0}
    digest = code_digest()
    say(LINE.format("module", "tests", "plain", "recorded", "dispatches", "s", ""))
    for name in names:
        plain, recorded = (results.load(way, name) or Outcome(trouble="not run") for way in WAYS)
        facts = recorded.facts
        remarks = [plain.trouble and f"plain: {plain.trouble}", recorded.trouble and f"recorded: {recorded.trouble}"]
        remarks += [f"faults: {facts['faults']}" if facts.get("faults") else "", facts.get("error") or ""]
        dispatches, dropped = facts.get("dispatches", 0), facts.get("dropped", 0)
        remarks.append(f"{dropped} dropped" if dropped else "")
        numbers = (plain.ran, len(plain.failures), len(recorded.failures), dispatches)
        say(LINE.format(name, *numbers, round(recorded.seconds), "; ".join(filter(None, remarks))))
        sums["tests"] += recorded.ran
        sums["failures"] += len(recorded.failures)
        sums["dispatches"] += dispatches
        sums["dropped"] += dropped
        sums["faults"] += sum(facts.get("faults", {}).values())
        sums["older"] += recorded.trouble != "not run" and recorded.code != digest
        sums["trouble"] += bool(recorded.trouble or plain.trouble)
    return sums


def report(results: Results, names: list[str], found: list[Difference], missing: list[str]) -> int:
    """Write the table and what differs; the exit status."""
    sums = table(results, names)
    for difference in found:
        say(f"\n{difference.module} {'DIFFERS' if difference.stands else 'differed once'} ({difference.verdict})")
        for what in difference.what:
            say(f"  {what}")
    standing = sum(difference.stands for difference in found)
    say(
        f"\nDjango {django.get_version()}, {source.python_version()}: {sums['tests']} tests of {len(names)} modules, "
        f"{sums['failures']} fail recorded, {standing} modules differ from plain Django; "
        f"{sums['dispatches']} dispatches recorded, {sums['dropped']} dropped, {sums['faults']} faults of the recorder."
    )
    for count, what in (
        (len(missing), "have no result both ways yet"),
        (sums["trouble"], "crashed or did not end"),
        (sums["older"], "were recorded by an older state of the code (--again, --recorded-only)"),
    ):
        if count:
            say(f"{count} modules {what}.")
    if not sums["dispatches"]:
        say("Nothing was recorded, so this says nothing.")
    if standing or sums["faults"]:
        return 1
    return 2 if missing or not sums["dispatches"] else 0


def main(argv: Sequence[str] | None = None, cache: Path = source.HERE) -> int:
    options = arguments(argv)
    os.nice(options.nice)
    try:
        tests = source.tests_folder(cache)
        extras = None if options.no_extras else source.extras_folder(cache)
    except source.SuiteError as error:
        say(str(error))
        return 2
    results = Results(cache / f"results-{django.get_version()}-{source.python_version()}")
    names = options.modules or (source.QUICK if options.quick else source.modules(tests))
    runner = Runner(tests, extras, options.limit)
    fill(results, runner, wanted(results, names, options), options.jobs)
    if options.plain_only:
        return 0
    try:
        found, missing = compare(results, names, runner, options.times)
    except EndedFromOutside as error:
        say(str(error))
        return 2
    return report(results, names, found, missing)


if __name__ == "__main__":
    sys.exit(main())
