"""Environments: what their methods take and return.

Written by tests/check_python.py --write from the operation table; do not edit."""

from __future__ import annotations

from typing import TypedDict


class CatalogEntry(TypedDict):
    name: str
    """Name, for example debian:12."""
    version: str
    """Version of its recipe."""
    description: str
    """What it is for."""
    platform: str
    """linux/amd64."""
    distribution: str
    """debian."""
    distribution_version: str
    """12."""
    default_packages: list[str]
    """Packages beyond the minimal base."""
    source: str
    """What it is built from."""
    installed: bool
    """Whether it is here, whole and as its manifest says."""
    problem: str | None
    """What is wrong with an installation that is damaged."""


class EnvironmentList(TypedDict):
    catalog_version: str
    """Version of the catalog."""
    environments: list[CatalogEntry]
    """Every environment of the catalog."""


class Template(TypedDict):
    name: str
    """Its directory in templates/ of the home."""
    vcpu_count: int
    """Of the guests that start from it."""
    mem_mib: int
    """Of the guests that start from it."""
    network: bool
    """Whether they have a network card."""
    usable: bool
    """Whether the next start can use it."""
    problem: str | None
    """Why not; null when it can."""
    disk_usage_bytes: int
    """What it takes on disk."""
    ram_bytes: int
    """Its memory's part of that."""
    made_at: float
    """Epoch seconds."""
    making_ms: float
    """What making it took."""
    last_used_at: float
    """Epoch seconds of the last start from it; the least recently used go first."""
    warm_up: list[str]
    """What it has run, so that its clones have it in memory."""


class Environment(TypedDict):
    name: str
    """Name, for example debian:12."""
    version: str
    """Version of its recipe."""
    description: str
    """What it is for."""
    platform: str
    """linux/amd64."""
    distribution: str
    """debian."""
    distribution_version: str
    """12."""
    default_packages: list[str]
    """Packages beyond the minimal base."""
    source: str
    """What it is built from."""
    installed: bool
    """Whether it is here, whole and as its manifest says."""
    problem: str | None
    """What is wrong with an installation that is damaged."""
    install_dir: str | None
    """Directory of the installation."""
    kernel_image: str | None
    """The kernel."""
    rootfs_image: str | None
    """The root file system."""
    rootfs_digest: str | None
    """Its SHA-256."""
    rootfs_bytes: int | None
    """Its size."""
    disk_usage_bytes: int | None
    """What the installation takes on disk."""
    kernel_version: str | None
    """Version of the kernel."""
    package_count: int | None
    """Installed packages."""
    installed_at: float | None
    """Epoch seconds."""
    templates: list[Template] | None
    """Frozen guests that new ones start as clones of."""


class PrunedItem(TypedDict):
    name: str
    """Name of the environment."""
    version: str | None
    """Its version."""
    reason: str
    """Why nothing can use it."""


class Pruned(TypedDict):
    deleted: list[PrunedItem]
    """What was removed."""
    count: int
    """How many."""
    freed_bytes: int
    """Disk space that is free again."""
