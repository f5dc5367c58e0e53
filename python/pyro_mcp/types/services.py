"""Services: what their methods take and return.

Written by tests/check_python.py --write from the operation table; do not edit."""

from __future__ import annotations

from typing import Literal, TypedDict


class FileReadiness(TypedDict):
    """Ready when this path exists in the guest."""

    type: Literal["file"]
    path: str


class TcpReadiness(TypedDict):
    """Ready when HOST:PORT accepts a connection in the guest."""

    type: Literal["tcp"]
    address: str


class HttpReadiness(TypedDict):
    """Ready when this http:// URL answers with 2xx or 3xx."""

    type: Literal["http"]
    url: str


class CommandReadiness(TypedDict):
    """Ready when this command exits with 0 (/bin/sh -lc)."""

    type: Literal["command"]
    command: str


Readiness = FileReadiness | TcpReadiness | HttpReadiness | CommandReadiness


class ServiceRecord(TypedDict):
    workspace_id: str
    """Id of the workspace."""
    service_name: str
    """Name of the service."""
    state: str
    """starting, running, exited (by itself), stopped (by request, or its guest ended), failed (it was never ready)."""
    command: str
    """As a shell would read it back."""
    cwd: str
    """Directory it was started in."""
    pid: int | None
    """Its process in the guest."""
    exit_code: int | None
    """128+N for signal N; null while it runs, and when its guest ended first."""
    started_at: float
    """Epoch seconds."""
    ready_at: float | None
    """Epoch seconds; null when it was never ready."""
    ended_at: float | None
    """Epoch seconds; null while it runs, and when nobody saw its end."""
    readiness: Readiness | None
    """What it was waited for."""
    stop_reason: str | None
    """Why it does not run any more."""


class ServiceList(TypedDict):
    workspace_id: str
    """Id of the workspace."""
    count: int
    """How many services."""
    running_count: int
    """How many of them run."""
    services: list[ServiceRecord]
    """The services by name."""


class ServiceLogs(TypedDict):
    workspace_id: str
    """Id of the workspace."""
    service_name: str
    """Name of the service."""
    state: str
    """starting, running, exited (by itself), stopped (by request, or its guest ended), failed (it was never ready)."""
    command: str
    """As a shell would read it back."""
    cwd: str
    """Directory it was started in."""
    pid: int | None
    """Its process in the guest."""
    exit_code: int | None
    """128+N for signal N; null while it runs, and when its guest ended first."""
    started_at: float
    """Epoch seconds."""
    ready_at: float | None
    """Epoch seconds; null when it was never ready."""
    ended_at: float | None
    """Epoch seconds; null while it runs, and when nobody saw its end."""
    readiness: Readiness | None
    """What it was waited for."""
    stop_reason: str | None
    """Why it does not run any more."""
    stdout: str
    """What it wrote there, as UTF-8."""
    stderr: str
    """The same of stderr."""
    tail_lines: int | None
    """As it was given; null with all."""
    truncated: bool
    """Whether there was more before it."""


class StoppedService(TypedDict):
    workspace_id: str
    """Id of the workspace."""
    service_name: str
    """Name of the service."""
    state: str
    """starting, running, exited (by itself), stopped (by request, or its guest ended), failed (it was never ready)."""
    command: str
    """As a shell would read it back."""
    cwd: str
    """Directory it was started in."""
    pid: int | None
    """Its process in the guest."""
    exit_code: int | None
    """128+N for signal N; null while it runs, and when its guest ended first."""
    started_at: float
    """Epoch seconds."""
    ready_at: float | None
    """Epoch seconds; null when it was never ready."""
    ended_at: float | None
    """Epoch seconds; null while it runs, and when nobody saw its end."""
    readiness: Readiness | None
    """What it was waited for."""
    stop_reason: str | None
    """Why it does not run any more."""
    was_running: bool
    """false when it had ended before; `state` tells whether by itself."""
