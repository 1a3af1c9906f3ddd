"""Logs: what recorders append to and viewers read. `open_log` finds the one that a URL names."""

from __future__ import annotations

from signalgraph.log import forks  # noqa: F401 - its fork handlers are to be registered before any other of ours
from signalgraph.log.base import CursorError, Log, LogError

__all__ = ["CursorError", "Log", "LogError", "open_log"]


def open_log(url: str, *, writer: bool) -> Log:
    """Open the log at a URL and create it where there is none.

    Parameters
    ----------
    url : str
        ``memory://`` or ``memory://<name>``: one log per process and name, shared by all who open it, gone with it.
        ``sqlite:///<absolute path>``: a file for any number of processes of one machine.
    writer : bool
        False for those who only read; their `append` and `tally` raise `LogError`.

    Raises
    ------
    LogError
        For another scheme, a path that isn't absolute, and a log that can't be opened; it says what to do.
    """
    scheme, separator, rest = url.partition("://")
    if scheme == "memory" and separator:
        from signalgraph.log.memory import open_memory

        return open_memory(rest)
    if scheme == "sqlite" and separator:
        from signalgraph.log.sqlite import SqliteLog

        return SqliteLog(rest, writer=writer)
    raise LogError(f'SIGNALGRAPH["LOG"] has scheme {scheme!r}; use one of: memory, sqlite.')
