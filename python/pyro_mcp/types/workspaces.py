"""Workspaces: what their methods take and return.

Written by tests/check_python.py --write from the operation table; do not edit."""

from __future__ import annotations

from typing import TypedDict


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
