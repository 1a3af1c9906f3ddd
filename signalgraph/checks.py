"""System checks of signalgraph's own setup."""

from __future__ import annotations
