"""Shells: what their methods take and return.

Written by tests/check_python.py --write from the operation table; do not edit."""

from __future__ import annotations

from typing import TypedDict


class ShellRecord(TypedDict):
    workspace_id: str
    """Id of the workspace."""
    shell_id: str
    """Id of the shell."""
    state: str
    """running or stopped."""
    cwd: str
    """Directory it was opened in."""
    cols: int
    """Width of its terminal."""
    rows: int
    """Height of its terminal."""
    pid: int | None
    """Its process in the guest."""
    started_at: float
    """Epoch seconds."""
    ended_at: float | None
    """Epoch seconds; null while it runs, and when nobody saw its end."""
    exit_code: int | None
    """128+N for signal N; null while it runs, and when its guest ended first."""


class ShellOutput(TypedDict):
    workspace_id: str
    """Id of the workspace."""
    shell_id: str
    """Id of the shell."""
    state: str
    """running or stopped."""
    cwd: str
    """Directory it was opened in."""
    cols: int
    """Width of its terminal."""
    rows: int
    """Height of its terminal."""
    pid: int | None
    """Its process in the guest."""
    started_at: float
    """Epoch seconds."""
    ended_at: float | None
    """Epoch seconds; null while it runs, and when nobody saw its end."""
    exit_code: int | None
    """128+N for signal N; null while it runs, and when its guest ended first."""
    output: str
    """What the terminal showed."""
    cursor: int
    """Where it begins: as it was given, or later if that is not kept any more."""
    next_cursor: int
    """Where the next read begins."""
    end_cursor: int
    """Where what there is ends now."""
    lost_chars: int
    """How many characters between the cursor that was given and `cursor` are not kept any more."""
    truncated: bool
    """Whether some are lost, or there are more than this read returns."""


class ShellInput(TypedDict):
    workspace_id: str
    """Id of the workspace."""
    shell_id: str
    """Id of the shell."""
    state: str
    """running or stopped."""
    cwd: str
    """Directory it was opened in."""
    cols: int
    """Width of its terminal."""
    rows: int
    """Height of its terminal."""
    pid: int | None
    """Its process in the guest."""
    started_at: float
    """Epoch seconds."""
    ended_at: float | None
    """Epoch seconds; null while it runs, and when nobody saw its end."""
    exit_code: int | None
    """128+N for signal N; null while it runs, and when its guest ended first."""
    input_length: int
    """Bytes that were typed, without the newline."""
    append_newline: bool
    """Whether one was added."""


class ShellSignal(TypedDict):
    workspace_id: str
    """Id of the workspace."""
    shell_id: str
    """Id of the shell."""
    state: str
    """running or stopped."""
    cwd: str
    """Directory it was opened in."""
    cols: int
    """Width of its terminal."""
    rows: int
    """Height of its terminal."""
    pid: int | None
    """Its process in the guest."""
    started_at: float
    """Epoch seconds."""
    ended_at: float | None
    """Epoch seconds; null while it runs, and when nobody saw its end."""
    exit_code: int | None
    """128+N for signal N; null while it runs, and when its guest ended first."""
    signal: str
    """The signal that was sent."""


class ClosedShell(TypedDict):
    workspace_id: str
    """Id of the workspace."""
    shell_id: str
    """Id of the shell."""
    state: str
    """running or stopped."""
    cwd: str
    """Directory it was opened in."""
    cols: int
    """Width of its terminal."""
    rows: int
    """Height of its terminal."""
    pid: int | None
    """Its process in the guest."""
    started_at: float
    """Epoch seconds."""
    ended_at: float | None
    """Epoch seconds; null while it runs, and when nobody saw its end."""
    exit_code: int | None
    """128+N for signal N; null while it runs, and when its guest ended first."""
    closed: bool
    """true."""
