"""Frames for many sockets at once: made on one thread, off the event loop, and once for all who ask the same."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import msgspec

from signalgraph.index import Index
from signalgraph.log.base import LogError
from signalgraph.web.frames import FeedError, make_frame, parse_query, says_something
from signalgraph.web.watching import keep_watched

KEPT = 32
FRESH_S = 0.5  # heartbeats in a shared frame are at most this much older than the answer

Key = tuple[str | None, str, int, str]


@dataclass(frozen=True)
class Answer:
    """A frame as text, and what a session has to know of it without decoding it."""

    text: str
    cursor: str
    says_something: bool
    recording: frozenset[tuple[str, bool]]
    made_at: float


class Answers:
    """Makes answers one after the other, so that a hundred viewers cost the process one thread and not a hundred."""

    def __init__(self, get_index: Callable[[], Index]) -> None:
        self._get_index = get_index
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="signalgraph-feed")
        self._recent: OrderedDict[Key, Answer] = OrderedDict()

    async def make(self, after: str | None, q: str, limit: int) -> Answer:
        """The frame after a cursor; raises `FeedError`."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._make, after, q, limit)

    def _make(self, after: str | None, q: str, limit: int) -> Answer:
        try:
            index = self._get_index()
            keep_watched(index.log)
            key = (after, q, limit, index.cursor)
            known = self._recent.get(key)
            if known is not None and time.monotonic() - known.made_at < FRESH_S:
                return known
            answer = _encode(make_frame(index, after, parse_query(q), limit))
        except LogError as error:
            raise FeedError("The log can't be read.", None, str(error)) from error
        self._recent[key] = answer
        while len(self._recent) > KEPT:
            self._recent.popitem(last=False)
        return answer


def _encode(frame: dict[str, Any]) -> Answer:
    return Answer(
        text=msgspec.json.encode(frame).decode(),
        cursor=frame["cursor"],
        says_something=says_something(frame),
        recording=frozenset((process["id"], process["recording"]) for process in frame["processes"]),
        made_at=time.monotonic(),
    )
