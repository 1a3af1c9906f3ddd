"""A folder of documents: what has to change so that it holds the given files, and changing it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from signalgraph.documents.addresses import INDEX, SNAPSHOT
from signalgraph.documents.changes import find_changes
from signalgraph.documents.marking import is_ours
from signalgraph.events import Inventory

FOLDERS = ("", "apps", "signals", "pictures")
DIFF_LINES = 400


class FolderError(Exception):
    """A folder that can't hold the documents: which file, why, and what to do."""


@dataclass(frozen=True)
class Changes:
    """What differs, by paths below the folder: `new` files, `changed` ones with their text so far, `stale` ones."""

    folder: Path
    files: Mapping[str, str]
    new: tuple[str, ...]
    changed: Mapping[str, str]
    stale: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.stale)


def compare(folder: Path, files: Mapping[str, str]) -> Changes:
    """What is to be done in a folder, which need not be there yet.

    Raises
    ------
    FolderError
        A file that would be written is there and isn't ours, or something can't be read.
    """
    try:
        found = {path: _read(folder, path) for path in files}
        stale = tuple(sorted(set(_ours(folder)) - set(files)))
    except OSError as error:
        raise FolderError(f"Can't read {error.filename}: {error.strerror}.") from error
    return Changes(
        folder,
        files,
        tuple(path for path, text in found.items() if text is None),
        {path: text for path, text in found.items() if text is not None and text != files[path]},
        stale,
    )


def apply(changes: Changes) -> None:
    """Write what is new or changed, and remove what is stale and ours. Raises `FolderError`."""
    try:
        for path in (*changes.new, *changes.changed):
            target = changes.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(changes.files[path], encoding="utf-8", newline="\n")
        for path in changes.stale:
            (changes.folder / path).unlink()
        for name in FOLDERS[1:]:
            below = changes.folder / name
            if below.is_dir() and not any(below.iterdir()):
                below.rmdir()
    except OSError as error:
        raise FolderError(f"Can't write {error.filename}: {error.strerror}. Choose another folder.") from error


def told(changes: Changes) -> Iterator[str]:
    """What has changed in words, each file that differs, and of pages how: a unified diff to what they should be."""
    if words := _in_words(changes):
        yield from [*words, ""]
    groups = (("missing", changes.new), ("out of date", changes.changed), ("no longer needed", changes.stale))
    for what, paths in groups:
        yield from (f"{what}: {path}" for path in paths)
    lines = [line for path in changes.changed if path.endswith(".md") for line in _unified(changes, path)]
    yield from lines[:DIFF_LINES]
    if len(lines) > DIFF_LINES:
        yield f"... and {len(lines) - DIFF_LINES} more lines."


def _in_words(changes: Changes) -> list[str]:
    """What has changed in the wiring since the pages were written, by the snapshot that was written with them."""
    try:
        before, after = (
            msgspec.json.decode(text, type=Inventory) for text in (changes.changed[SNAPSHOT], changes.files[SNAPSHOT])
        )
    except (KeyError, msgspec.MsgspecError):  # the wiring is the same, or somebody has edited the file
        return []
    return [f"{one.sign} {one.sentence}" for one in find_changes(before, after)]


def _unified(changes: Changes, path: str) -> Iterable[str]:
    before, after = changes.changed[path].splitlines(), changes.files[path].splitlines()
    return ["", *difflib.unified_diff(before, after, path, f"{path} (as it should be)", lineterm="", n=2)]


def _read(folder: Path, path: str) -> str | None:
    """The text of a file of ours, its lines ended by \\n whatever git made of them; None where there is none."""
    file = folder / path
    link = next((each for each in (file.parent, file) if each != folder and each.is_symlink()), None)
    if link is not None:
        raise FolderError(f"{link} is a link, and leads out of the folder perhaps; remove it or choose another folder.")
    if not file.exists():
        return None
    if not file.is_file() or not is_ours(file):
        kind = "a folder" if file.is_dir() else "a file that this command has not written"
        hint = " An index page of your own can link to this folder from outside it." if path == INDEX else ""
        raise FolderError(f"{file} is {kind}; move it away or choose another folder.{hint}")
    return file.read_text(encoding="utf-8", errors="replace")


def _ours(folder: Path) -> Iterator[str]:
    for name in FOLDERS:
        below = folder / name
        is_within = below.is_dir() and (below == folder or not below.is_symlink())
        for file in sorted(below.iterdir()) if is_within else ():
            if file.suffix in (".md", ".svg", ".json") and file.is_file() and not file.is_symlink() and is_ours(file):
                yield file.relative_to(folder).as_posix()
