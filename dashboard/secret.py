"""The demo's secret key: made at the first start, kept in a file that only its owner reads."""

import os
from contextlib import suppress
from pathlib import Path

from django.core.management.utils import get_random_secret_key


def load_secret_key(path: Path) -> str:
    """Return the key in `path`, writing a new one first where there is none."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    if not path.exists():
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(get_random_secret_key())
        with suppress(FileExistsError):  # another process was first: both must use its key
            os.link(draft, path)
        draft.unlink()
    return path.read_text()
