"""Background tasks as causes: those of Django 6 and its backport by their signals, Celery's by Celery's."""

from __future__ import annotations

import sys
from types import FunctionType
from typing import Any

from signalgraph.descriptions import describe_receiver
from signalgraph.inert import class_attribute, instance_namespace, plain_text
from signalgraph.recorder import causes, dispatching, scopes
from signalgraph.recorder.causes import CELERY, TASK
from signalgraph.recorder.faults import contained

OPEN_AT_MOST = 10_000  # Celery tasks of which no end was heard

# Modules with a `task_started` and a `task_finished`; asked for a signal's role only when they are loaded.
MODULES = ("django.tasks.signals", "django_tasks.signals")


def role_of(signal: Any) -> int | None:
    """The token of a signal that begins or ends a task; None for any other."""
    for pair, module in enumerate(MODULES):
        known = vars(sys.modules[module]) if module in sys.modules else {}
        if known.get("task_started") is signal:
            return dispatching.TASK_STARTED + pair
        if known.get("task_finished") is signal:
            return dispatching.TASK_FINISHED + pair
    return None


def open_task(span: int, named: dict[str, Any]) -> None:
    """Begin a task's cause: inside a request that runs it at once, alone in a worker."""
    causes.open_cause(span, TASK, task_name(named.get("task_result")), TASK)


@contained(default="?")
def task_name(result: Any) -> str:
    """The dotted path of the task's function."""
    # Both are Django's frozen dataclasses; the attributes of their slots run no code of the project.
    function = result.task.func
    if type(function) is FunctionType:
        return f"{function.__module__}.{function.__qualname__}"
    return describe_receiver(function).label


dispatching.open_task = open_task

# Causes by task id: a retry of a task that is run at once runs inside the try before it, under the same id.
_celery: dict[str, list[causes.Current]] = {}


@contained()
def celery_began(sender: Any = None, task_id: Any = None, **named: Any) -> None:
    name = plain_text(instance_namespace(sender).get("name") or class_attribute(type(sender), "name"))
    opened = scopes.begin(TASK, name or "?", CELERY) if type(task_id) is str else None
    if opened is not None:
        _celery.setdefault(task_id, []).append(opened)
        while len(_celery) > OPEN_AT_MOST:
            del _celery[next(iter(_celery))]


@contained()
def celery_ended(task_id: Any = None, **named: Any) -> None:
    """Also when the task failed or is to be retried; each try is a cause."""
    begun = _celery.get(task_id) if type(task_id) is str else None
    if begun:
        scopes.end(begun.pop())
        if not begun:
            _celery.pop(task_id, None)


_RECEIVERS = (("task_prerun", celery_began), ("task_postrun", celery_ended))


@contained()
def connect_celery() -> None:
    """Listen to Celery if the project has imported it; we never do. Connecting again changes nothing."""
    known = vars(sys.modules["celery.signals"]) if "celery.signals" in sys.modules else {}
    for name, receiver in _RECEIVERS:
        if name in known:
            known[name].connect(receiver, weak=False, dispatch_uid=f"signalgraph.{name}")


@contained()
def disconnect_celery() -> None:
    known = vars(sys.modules["celery.signals"]) if "celery.signals" in sys.modules else {}
    for name, _ in _RECEIVERS:
        if name in known:
            known[name].disconnect(dispatch_uid=f"signalgraph.{name}")
    _celery.clear()
