"""What long work says of itself.

Written by tests/check_python.py --write from the operation table; do not edit."""

from __future__ import annotations

from typing import TypedDict


class Progress(TypedDict):
    """What `on_progress` is called with: one step of long work."""

    operation: str
    """pull, boot, push; or notice: something to be told in any case."""
    phase: str
    """One word, stable: packages, image, kernel, …"""
    message: str
    """For people, one line."""
    done: int
    """Of total, in bytes unless the message says otherwise."""
    total: int | None
    """None: unknown."""
