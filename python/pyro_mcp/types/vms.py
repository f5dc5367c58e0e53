"""VMs: what their methods take and return.

Written by tests/check_python.py --write from the operation table; do not edit."""

from __future__ import annotations

from typing import TypedDict


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
