"""What is never shown, whatever asks for it: names of values, and texts in values and names.

One set of rules holds for the whole process, since the same text must read the same in every table of names.
"""

from __future__ import annotations

import fnmatch
import importlib
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from time import thread_time
from typing import Any

REDACTED = "(redacted)"
# Names of arguments and attributes whose values are secrets nearly everywhere.
DEFAULT = (
    *("*password*", "*passwd*", "*passphrase*", "*secret*", "*token*", "*credential*", "*authorization*"),
    *("*cookie*", "*session*", "*csrf*", "key", "*_key", "*apikey*", "*card_number*", "pin", "cvc", "cvv", "iban"),
)

LONGEST = 200  # characters of a text that are kept
MATCHED = 300  # characters of a text that patterns see: a secret that is cut at `LONGEST` is still recognised
MOST_WAYS = 100_000_000  # in which a pattern may fit one text, three free repetitions; beyond, it could search for ever
SLOW_S = 0.05  # of the processor's time that a pattern may take for one text


class Redaction:
    """Rules of two kinds: globs for names (of arguments, of attributes; case doesn't count) and `/regex/` for texts.

    Raises `ValueError` for a pattern that is none, or that could take for ever on a text made for it.

    >>> rules = Redaction(["*token*", "/[0-9]{12,19}/"])
    >>> rules.hides("instance.api_token"), rules.text("paid with 4111111111111111")
    (True, 'paid with (redacted)')
    """

    def __init__(self, rules: Iterable[str] = DEFAULT) -> None:
        self.rules = tuple(rules)
        globs = [rule.lower() for rule in self.rules if not is_pattern(rule)]
        self._names = re.compile("|".join(map(fnmatch.translate, globs)) or r"(?!)")
        self._texts = [check_pattern(rule[1:-1]) for rule in self.rules if is_pattern(rule)]

    def hides(self, name: str) -> bool:
        """Whether the value of a name, or of one part of a dotted name, is a secret."""
        return any(self._names.match(part) for part in (name.lower(), *name.lower().split(".")))

    def text(self, text: str) -> str:
        """The text with what a pattern matches taken out; cut where there are patterns, since they see no more."""
        if not self._texts:
            return text
        seen = text[:MATCHED]
        for pattern in self._texts:
            seen = pattern.sub(REDACTED, seen)
        return shorten(seen, len(text) > MATCHED)


def shorten(text: str, more: bool = False) -> str:
    """At most `LONGEST` characters, with an ellipsis where that is not all."""
    return text if len(text) <= LONGEST and not more else text[: LONGEST - 1] + "…"


def is_pattern(rule: str) -> bool:
    return len(rule) > 2 and rule[0] == rule[-1] == "/"


def check_pattern(pattern: str) -> re.Pattern[str]:
    """The pattern, compiled; raises `ValueError` when it is none, matches nothing or may take too long."""
    try:
        compiled = re.compile(pattern)
        tree = _parser.parse(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"/{pattern}/ is no regular expression: {error}") from error
    if compiled.match(""):
        raise ValueError(f"/{pattern}/ matches the empty text; let it ask for at least one character")
    if _ways(tree) > MOST_WAYS or _is_slow(compiled, tree):
        raise ValueError(
            f"/{pattern}/ repeats what repeats, which can take for ever on a text made for it; "
            "write it without a repetition in or right after another, or give an upper limit as in {1,20}"
        )
    return compiled


_parser: Any = importlib.import_module("re._parser")
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")


def _ways(sequence: Iterable[tuple[Any, Any]]) -> float:
    """In how many ways at most a pattern fits at one place of a text: what a search that fails has tried."""
    ways = 1.0
    for kind, value in sequence:
        ways *= min(_item_ways(str(kind), value), 1e100)
    return ways


def _item_ways(kind: str, value: Any) -> float:
    if kind in _REPEATS:
        least, most, body = value
        return _repeat_ways(least, min(int(most), MATCHED), _ways(body))
    if kind == "BRANCH":
        each = [_ways(branch) for branch in value[1]]
        starts = [str(branch[0]) if len(branch) and str(branch[0][0]) == "LITERAL" else "" for branch in value[1]]
        return max(each) if "" not in starts and len(set(starts)) == len(starts) else sum(each)
    parts = value if isinstance(value, tuple) else (value,)
    return max([_ways(part) for part in parts if isinstance(part, _parser.SubPattern)], default=1.0)


def _repeat_ways(least: int, most: int, body: float) -> float:
    if body == 1:
        return max(1, most - least + 1)
    return float(sum(body**times for times in range(least, most + 1) if body**times < 1e100)) if most < 100 else 1e100


def _is_slow(compiled: re.Pattern[str], tree: Any) -> bool:
    """Whether it takes long on texts made of its own characters; each try is at most 16 times as long as the last."""
    for length in (MATCHED // 8, MATCHED // 4, MATCHED // 2, MATCHED):
        for sample in sorted({"a", "0", " ", *_literals(tree)})[:20]:
            begin = thread_time()
            compiled.sub("", sample * length + "\0")
            if thread_time() - begin > SLOW_S:
                return True
    return False


def _literals(node: Any) -> Iterator[str]:
    """The characters that stand in a pattern, and the first of each of its ranges."""
    if isinstance(node, tuple) and len(node) == 2 and str(node[0]) in ("LITERAL", "RANGE"):
        yield chr(node[1] if isinstance(node[1], int) else node[1][0])
    elif isinstance(node, list | tuple | _parser.SubPattern):
        yield from chain.from_iterable(_literals(part) for part in node)


_rules = Redaction()


def use(rules: Sequence[str]) -> None:
    """Let these rules hold in this process, in the place of those before."""
    global _rules
    _rules = Redaction(rules)


def rules() -> Redaction:
    return _rules
