"""What is wrong, or may go wrong, with a project's signals: read from its code, and seen in its traffic."""

from __future__ import annotations

import logging
import pkgutil
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from signalgraph.findings import rules
from signalgraph.findings.accepting import Accepted, AcceptError, accept, accepts, split, withdraw
from signalgraph.findings.base import SEVERITIES, Evidence, Finding, Rule, Seen, Severity

if TYPE_CHECKING:
    from signalgraph.findings.code import Code

__all__ = [
    "SEVERITIES",
    "AcceptError",
    "Accepted",
    "Evidence",
    "Finding",
    "Rule",
    "Seen",
    "Severity",
    "accept",
    "accepts",
    "failed",
    "find_all",
    "find_run",
    "find_static",
    "in_order",
    "load_rules",
    "split",
    "withdraw",
]

logger = logging.getLogger(__name__)

failed: set[str] = set()  # ids of the rules that raised an error when they were asked last


@cache
def load_rules() -> dict[str, Rule]:
    """All rules by their ids, in the order of these."""
    found = [import_module(f"{rules.__name__}.{module.name}").RULE for module in pkgutil.iter_modules(rules.__path__)]
    return {rule.id: rule for rule in sorted(found, key=lambda rule: rule.id)}


def find_static(code: Code) -> list[Finding]:
    """What the rules find that read the code; nothing of the project is run."""
    return _find("code", code)


def find_run(traffic: object) -> list[Finding]:
    """What the rules find that look at recorded traffic."""
    return _find("run", traffic)


def find_all(code: Code | None = None, traffic: object | None = None) -> list[Finding]:
    """Both, without what is not given; sorted by severity, rule and subject."""
    found = [] if code is None else find_static(code)
    return in_order([*found, *([] if traffic is None else find_run(traffic))])


def _find(seen: Seen, material: object) -> list[Finding]:
    return in_order(one for rule in load_rules().values() if rule.seen == seen for one in _ask(rule, material))


def _ask(rule: Rule, material: object) -> list[Finding]:
    """What one rule finds. The boundary: a rule that fails is logged and left out, checks and pages go on."""
    try:
        found = list(rule.find(material))
    except Exception:
        if rule.id not in failed:  # pages ask again every few seconds
            logger.exception("The rule %s failed and is left out.", rule.id)
        failed.add(rule.id)
        return []
    failed.discard(rule.id)
    return found


def in_order(found: Iterable[Finding]) -> list[Finding]:
    """Sorted by severity, rule and subject."""
    known = load_rules()
    return sorted(found, key=lambda one: (SEVERITIES.index(known[one.rule].severity), one.rule, one.subject))
