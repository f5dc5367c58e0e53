"""The shapes of what methods take and return. Written by tests/check_python.py --write from the operation table; do not edit.

Times are epoch seconds, durations milliseconds, sizes bytes; the unit ends the name."""

from __future__ import annotations

from typing import Any, Literal, TypedDict


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


class Cleanup(TypedDict):
    deleted: bool
    """Nothing of the VM is left."""


class CommandResult(TypedDict):
    command: str
    """The command, as a shell would read it back."""
    exit_code: int
    """The command's own; 128+N for signal N; 124 at the time limit; 126 or 127 when it could not be started."""
    stdout: str
    """What the command wrote, as UTF-8; head and tail when it was longer than the cap."""
    stdout_bytes: int
    """How many bytes the command wrote."""
    stdout_truncated: bool
    """Whether some of them were left out."""
    stdout_path: str | None
    """File with the whole stream, while there is one."""
    stderr: str
    """What the command wrote, as UTF-8; head and tail when it was longer than the cap."""
    stderr_bytes: int
    """How many bytes the command wrote."""
    stderr_truncated: bool
    """Whether some of them were left out."""
    stderr_path: str | None
    """File with the whole stream, while there is one."""
    duration_ms: float
    """How long the command ran."""
    timed_out: bool
    """Whether the time limit ended it."""
    environment: str
    """Environment of the guest."""
    vm_id: str
    """Id of the VM, which is gone now."""
    execution_mode: str
    """pending before the start, guest in a VM, host_compat in a sandbox on the host."""
    accelerator: str | None
    """kvm, tcg (software emulation) or none; null before the start."""
    isolation: str | None
    """What really stands between guest and host, for example kvm+jail."""
    boot_ms: float | None
    """From the start to the agent's answer, in milliseconds."""
    boot_kind: str | None
    """restored from a template, or cold."""
    boot_fallback: str | None
    """Why a guest that had a template was booted all the same."""
    boot_attempts: int | None
    """How often QEMU was started: 1 unless a start failed."""
    boot_qemu_ms: float | None
    """Until QEMU was up."""
    boot_kernel_ms: float | None
    """Cold: from there to the guest's first process."""
    boot_agent_ms: float | None
    """Cold: from there to the agent's answer."""
    boot_restore_ms: float | None
    """Restored: from QEMU to the guest going on."""
    boot_setup_ms: float | None
    """From there until the guest had its identity."""
    cleanup: Cleanup
    """What became of the VM."""


class WorkspaceSeed(TypedDict):
    mode: str
    """empty, directory or tar_archive."""
    seed_path: str | None
    """As it was given."""
    destination: str
    """/workspace."""
    entry_count: int
    """Files, directories and links that were put there."""
    bytes_written: int
    """Bytes of files' data."""
    left_out: list[str] | None
    """Places of secrets, like .ssh, that the MCP server does not push; only when there are some."""


class LastCommand(TypedDict):
    command: str
    """As a shell would read it back."""
    exit_code: int | None
    """null while it runs, and when its guest died first."""
    sequence: int
    """Its number."""


class WorkspaceRecord(TypedDict):
    workspace_id: str
    """Id of the workspace."""
    workspace_path: str
    """/workspace."""
    vm_id: str
    """Id of the VM that it is."""
    environment: str
    """Environment of the guest."""
    state: str
    """started; stopped; failed when its guest or its supervisor died by itself."""
    failure: str | None
    """Why it does not run though nobody deleted it."""
    vcpu_count: int
    """Virtual CPUs."""
    mem_mib: int
    """Memory in MiB."""
    ttl_seconds: int
    """How long the VM may live."""
    created_at: float
    """Epoch seconds."""
    expires_at: float
    """Epoch seconds; then the VM goes."""
    network_enabled: bool
    """Whether there is a NIC."""
    allow_host_compat: bool
    """Whether a sandbox on the host's kernel would do."""
    execution_mode: str
    """pending before the start, guest in a VM, host_compat in a sandbox on the host."""
    accelerator: str | None
    """kvm, tcg (software emulation) or none; null before the start."""
    isolation: str | None
    """What really stands between guest and host, for example kvm+jail."""
    boot_ms: float | None
    """From the start to the agent's answer, in milliseconds."""
    boot_kind: str | None
    """restored from a template, or cold."""
    boot_fallback: str | None
    """Why a guest that had a template was booted all the same."""
    boot_attempts: int | None
    """How often QEMU was started: 1 unless a start failed."""
    boot_qemu_ms: float | None
    """Until QEMU was up."""
    boot_kernel_ms: float | None
    """Cold: from there to the guest's first process."""
    boot_agent_ms: float | None
    """Cold: from there to the agent's answer."""
    boot_restore_ms: float | None
    """Restored: from QEMU to the guest going on."""
    boot_setup_ms: float | None
    """From there until the guest had its identity."""
    workspace_seed: WorkspaceSeed
    """How /workspace was filled."""
    command_count: int
    """Commands run so far."""
    last_command: LastCommand | None
    """The last of them."""
    service_count: int
    """Services, ended ones too."""
    running_service_count: int
    """Those that run."""
    shell_count: int
    """Shells, closed ones too."""
    running_shell_ids: list[str]
    """Ids of those that are open."""


class WorkspaceSync(TypedDict):
    mode: str
    """directory or tar_archive."""
    source_path: str
    """As it was given."""
    destination: str
    """Where it went in the guest."""
    entry_count: int
    """Entries that were put there."""
    bytes_written: int
    """Bytes of files' data."""
    left_out: list[str] | None
    """Places of secrets, like .ssh, that the MCP server does not push; only when there are some."""


class WorkspaceSyncPush(TypedDict):
    workspace_id: str
    """Id of the workspace."""
    execution_mode: str
    """guest."""
    workspace_sync: WorkspaceSync
    """What was put there."""


class WorkspaceCommandResult(TypedDict):
    workspace_id: str
    """Id of the workspace."""
    sequence: int
    """Number of the command, from 1."""
    cwd: str
    """Directory it ran in."""
    restarted: str | None
    """Why the guest had to be started again from its disk for this; null: it ran."""
    command: str
    """The command, as a shell would read it back."""
    exit_code: int
    """The command's own; 128+N for signal N; 124 at the time limit; 126 or 127 when it could not be started."""
    stdout: str
    """What the command wrote, as UTF-8; head and tail when it was longer than the cap."""
    stdout_bytes: int
    """How many bytes the command wrote."""
    stdout_truncated: bool
    """Whether some of them were left out."""
    stdout_path: str | None
    """File with the whole stream, while there is one."""
    stderr: str
    """What the command wrote, as UTF-8; head and tail when it was longer than the cap."""
    stderr_bytes: int
    """How many bytes the command wrote."""
    stderr_truncated: bool
    """Whether some of them were left out."""
    stderr_path: str | None
    """File with the whole stream, while there is one."""
    duration_ms: float
    """How long the command ran."""
    timed_out: bool
    """Whether the time limit ended it."""
    environment: str
    """Environment of the guest."""
    vm_id: str
    """Id of the VM."""
    execution_mode: str
    """pending before the start, guest in a VM, host_compat in a sandbox on the host."""
    accelerator: str | None
    """kvm, tcg (software emulation) or none; null before the start."""
    isolation: str | None
    """What really stands between guest and host, for example kvm+jail."""
    boot_ms: float | None
    """From the start to the agent's answer, in milliseconds."""
    boot_kind: str | None
    """restored from a template, or cold."""
    boot_fallback: str | None
    """Why a guest that had a template was booted all the same."""
    boot_attempts: int | None
    """How often QEMU was started: 1 unless a start failed."""
    boot_qemu_ms: float | None
    """Until QEMU was up."""
    boot_kernel_ms: float | None
    """Cold: from there to the guest's first process."""
    boot_agent_ms: float | None
    """Cold: from there to the agent's answer."""
    boot_restore_ms: float | None
    """Restored: from QEMU to the guest going on."""
    boot_setup_ms: float | None
    """From there until the guest had its identity."""


class SkippedEntry(TypedDict):
    path: str | None
    """Below what was exported."""
    reason: str
    """Why it was left out."""


class WorkspaceExport(TypedDict):
    workspace_id: str
    """Id of the workspace."""
    workspace_path: str
    """What was exported."""
    output_path: str
    """Where it is on this host."""
    artifact_type: str
    """file, directory or symlink."""
    entry_count: int
    """Entries written."""
    bytes_written: int
    """Bytes of files' data."""
    skipped: list[SkippedEntry]
    """What was left out: devices, sockets, pipes, links that lead out."""


class DiffSummary(TypedDict):
    total: int
    """Entries that changed."""
    added: int
    """Those that are new."""
    modified: int
    """Content or permissions differ."""
    deleted: int
    """Those that are gone."""
    type_changed: int
    """A file became a link, …."""
    text_patched: int
    """Those with a text_patch."""
    non_text: int
    """Those without one."""


class DiffEntry(TypedDict):
    path: str
    """Relative to /workspace."""
    status: str
    """added, modified, deleted or type_changed."""
    artifact_type: str
    """file, directory, symlink or other."""
    text_patch: str | None
    """Unified diff; null for what is not text, or too large."""


class WorkspaceDiff(TypedDict):
    workspace_id: str
    """Id of the workspace."""
    changed: bool
    """Whether anything did."""
    summary: DiffSummary
    """How many of what."""
    entries: list[DiffEntry]
    """What changed, sorted by path."""
    patch: str
    """All of it as one unified diff for git apply and patch -p1."""
    made_at: float
    """When it was looked at, epoch seconds."""
    is_current: bool
    """false: the guest is gone, and this is the last diff that was made while it ran."""


class LogEntry(TypedDict):
    sequence: int
    """Number of the command, from 1."""
    command: str
    """As a shell would read it back."""
    cwd: str
    """Directory it ran in."""
    state: str
    """running, exited, or lost: its guest died first."""
    exit_code: int | None
    """null while it runs, and when it was lost."""
    timed_out: bool
    """Whether the time limit ended it."""
    started_at: float
    """Epoch seconds."""
    duration_ms: float | None
    """How long it ran; null while it does."""
    stdout: str
    """What the command wrote, as UTF-8; head and tail when it was longer than the cap."""
    stdout_bytes: int
    """How many bytes the command wrote."""
    stdout_truncated: bool
    """Whether some of them were left out."""
    stdout_path: str | None
    """File with the whole stream, while there is one."""
    stderr: str
    """What the command wrote, as UTF-8; head and tail when it was longer than the cap."""
    stderr_bytes: int
    """How many bytes the command wrote."""
    stderr_truncated: bool
    """Whether some of them were left out."""
    stderr_path: str | None
    """File with the whole stream, while there is one."""


class WorkspaceLogs(TypedDict):
    workspace_id: str
    """Id of the workspace."""
    count: int
    """How many commands."""
    entries: list[LogEntry]
    """The commands in their order."""


class WorkspaceDeleted(TypedDict):
    workspace_id: str
    """Id of the workspace."""
    deleted: bool
    """true."""


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
    """Epoch seconds; null while it runs, and when its guest ended first."""
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
    """Epoch seconds; null while it runs, and when its guest ended first."""
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
    """Epoch seconds; null while it runs, and when its guest ended first."""
    readiness: Readiness | None
    """What it was waited for."""
    stop_reason: str | None
    """Why it does not run any more."""
    was_running: bool
    """false when it had ended before; `state` tells whether by itself."""


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
    """Epoch seconds; null while it runs, and when its guest ended first."""
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
    """Epoch seconds; null while it runs, and when its guest ended first."""
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
    """Whether some are lost, or there are more than max_chars."""


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
    """Epoch seconds; null while it runs, and when its guest ended first."""
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
    """Epoch seconds; null while it runs, and when its guest ended first."""
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
    """Epoch seconds; null while it runs, and when its guest ended first."""
    exit_code: int | None
    """128+N for signal N; null while it runs, and when its guest ended first."""
    closed: bool
    """true."""


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


class VMRecord(TypedDict):
    vm_id: str
    """Id of the VM."""
    environment: str
    """Environment of the guest."""
    state: str
    """created, started or stopped."""
    vcpu_count: int
    """Virtual CPUs."""
    mem_mib: int
    """Memory in MiB."""
    ttl_seconds: int
    """How long the VM may live."""
    created_at: float
    """Epoch seconds."""
    expires_at: float
    """Epoch seconds; then the VM goes."""
    network_enabled: bool
    """Whether there is a NIC."""
    allow_host_compat: bool
    """Whether a sandbox on the host's kernel would do."""
    execution_mode: str
    """pending before the start, guest in a VM, host_compat in a sandbox on the host."""
    accelerator: str | None
    """kvm, tcg (software emulation) or none; null before the start."""
    isolation: str | None
    """What really stands between guest and host, for example kvm+jail."""
    boot_ms: float | None
    """From the start to the agent's answer, in milliseconds."""
    boot_kind: str | None
    """restored from a template, or cold."""
    boot_fallback: str | None
    """Why a guest that had a template was booted all the same."""
    boot_attempts: int | None
    """How often QEMU was started: 1 unless a start failed."""
    boot_qemu_ms: float | None
    """Until QEMU was up."""
    boot_kernel_ms: float | None
    """Cold: from there to the guest's first process."""
    boot_agent_ms: float | None
    """Cold: from there to the agent's answer."""
    boot_restore_ms: float | None
    """Restored: from QEMU to the guest going on."""
    boot_setup_ms: float | None
    """From there until the guest had its identity."""


class VMDeleted(TypedDict):
    vm_id: str
    """Id of the VM."""
    deleted: bool
    """true."""


class NetworkInfo(TypedDict):
    vm_id: str
    """Id of the VM."""
    network_enabled: bool
    """Whether there is a NIC."""
    guest_ip: str | None
    """IPv4 address."""
    gateway: str | None
    """IPv4 address."""
    dns: list[str]
    """Name servers that the guest uses."""
    mac: str | None
    """Address of the NIC."""
    backend: str | None
    """passt."""


class Reaped(TypedDict):
    reaped_vm_ids: list[str]
    """VMs that had reached their time limit or had lost their processes."""
    count: int
    """How many."""
