"""VMs: their operations as methods.

Written by tests/check_python.py --write from the operation table; do not edit."""

from __future__ import annotations

from collections.abc import Sequence

from .._calls import Methods, OnOutput
from .._words import operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .. import types as shapes
else:
    from .. import _shapes as shapes


class VMs(Methods):
    @operation("vm_run")
    def run_in_vm(
        self,
        environment: str,
        *,
        command: str | Sequence[str],
        vcpu_count: int = 1,
        mem_mib: int = 1024,
        timeout_seconds: int = 300,
        ttl_seconds: int | None = None,
        network: bool = False,
        allow_host_compat: bool = False,
        on_output: OnOutput | None = None,
    ) -> shapes.CommandResult:
        """Run one command in a fresh guest and throw the guest away.

        Starts a Linux guest with its own kernel, runs one command in it as root, and deletes the guest when the
        command ends. Nothing of this host is visible inside, and there is no network unless asked for. Needs neither
        root nor KVM; without KVM the guest is emulated, which is slower, and the result says so.

        environment: Environment of the guest, for example debian:12; pulled first if it is not installed
        command: Command to run: a list is one argument vector, never split again; a string runs under /bin/sh -lc
        vcpu_count: Virtual CPUs of the guest (1 to 64)
        mem_mib: Memory of the guest in MiB (128 to 16777216)
        timeout_seconds: Time limit of the command; at its end everything it started is killed (1 to 86400)
        ttl_seconds: Time limit of the whole VM; if not given 600, or the command's + 300 if that is more (1 to
            31536000)
        network: Give the guest a way out to the network (never to this host); without it there is no NIC
        allow_host_compat: If no VM can run here, use a sandbox on the host's own kernel instead of failing
        on_output: called with "stdout" or "stderr" and the bytes, as the command writes them; what it raises cancels
            the call

        Returns CommandResult (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_environment; RuntimeError: pull_failed, no_vm, not_enough_memory, too_many_vms, boot_failed,
        network_failed, guest_failed, supervisor_died; TimeoutError: boot_timeout, vm_expired; FileNotFoundError:
        missing_program; OSError: disk_full.
        """
        result: shapes.CommandResult = self._call(
            "vm_run",
            {
                "environment": environment,
                "command": command,
                "vcpu_count": vcpu_count,
                "mem_mib": mem_mib,
                "timeout_seconds": timeout_seconds,
                "ttl_seconds": ttl_seconds,
                "network": network,
                "allow_host_compat": allow_host_compat,
            },
            on_output,
        )
        return result

    @operation("vm_create")
    def create_vm(
        self,
        environment: str,
        *,
        vcpu_count: int = 1,
        mem_mib: int = 1024,
        ttl_seconds: int = 600,
        network: bool = False,
        allow_host_compat: bool = False,
    ) -> shapes.VMRecord:
        """Prepare a VM without starting it.

        Prepares a VM and returns its record. Start it with vm_start, run a command with vm_exec. It is deleted by
        vm_delete, by vm_exec, or at its time limit.

        environment: Environment of the guest, for example debian:12; pulled first if it is not installed
        vcpu_count: Virtual CPUs of the guest (1 to 64)
        mem_mib: Memory of the guest in MiB (128 to 16777216)
        ttl_seconds: Time limit of the VM; at its end it is deleted (1 to 31536000)
        network: Give the guest a way out to the network (never to this host); without it there is no NIC
        allow_host_compat: If no VM can run here, use a sandbox on the host's own kernel instead of failing

        Returns VMRecord (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_environment; RuntimeError: pull_failed, no_vm, not_enough_memory, too_many_vms, boot_failed,
        network_failed; TimeoutError: boot_timeout; FileNotFoundError: missing_program; OSError: disk_full.
        """
        result: shapes.VMRecord = self._call(
            "vm_create",
            {
                "environment": environment,
                "vcpu_count": vcpu_count,
                "mem_mib": mem_mib,
                "ttl_seconds": ttl_seconds,
                "network": network,
                "allow_host_compat": allow_host_compat,
            },
        )
        return result

    @operation("vm_start")
    def start_vm(self, vm_id: str) -> shapes.VMRecord:
        """Boot a VM that was created or stopped.

        Boots the guest and returns when its agent answers. A stopped VM boots again with the disk it had.

        vm_id: Id of the VM, as vm_create returned it

        Returns VMRecord (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_vm; RuntimeError: wrong_state, no_vm, not_enough_memory, too_many_vms, boot_failed, network_failed;
        TimeoutError: vm_expired, boot_timeout; FileNotFoundError: missing_program; OSError: disk_full.
        """
        result: shapes.VMRecord = self._call("vm_start", {"vm_id": vm_id})
        return result

    @operation("vm_exec")
    def exec_vm(
        self,
        vm_id: str,
        *,
        command: str | Sequence[str],
        timeout_seconds: int = 30,
        on_output: OnOutput | None = None,
    ) -> shapes.CommandResult:
        """Run one command in a started VM, then delete the VM.

        Runs one command in a started VM, returns its output, and deletes the VM. To run several commands, join them
        with a shell.

        vm_id: Id of the VM, as vm_create returned it
        command: Command to run: a list is one argument vector, never split again; a string runs under /bin/sh -lc
        timeout_seconds: Time limit of the command; at its end everything it started is killed (1 to 86400)
        on_output: called with "stdout" or "stderr" and the bytes, as the command writes them; what it raises cancels
            the call

        Returns CommandResult (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_vm; RuntimeError: wrong_state, guest_failed, supervisor_died; TimeoutError: vm_expired.
        """
        result: shapes.CommandResult = self._call(
            "vm_exec",
            {
                "vm_id": vm_id,
                "command": command,
                "timeout_seconds": timeout_seconds,
            },
            on_output,
        )
        return result

    @operation("vm_stop")
    def stop_vm(self, vm_id: str) -> shapes.VMRecord:
        """Power a VM off and keep its disk.

        Powers the guest off. Its disk stays until vm_delete or the time limit.

        vm_id: Id of the VM, as vm_create returned it

        Returns VMRecord (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_vm; RuntimeError: wrong_state.
        """
        result: shapes.VMRecord = self._call("vm_stop", {"vm_id": vm_id})
        return result

    @operation("vm_delete")
    def delete_vm(self, vm_id: str) -> shapes.VMDeleted:
        """End a VM and remove everything it left.

        Ends the guest if it runs and removes its disk and its record.

        vm_id: Id of the VM, as vm_create returned it

        Returns VMDeleted (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_vm; RuntimeError: wrong_state.
        """
        result: shapes.VMDeleted = self._call("vm_delete", {"vm_id": vm_id})
        return result

    @operation("vm_status")
    def status_vm(self, vm_id: str) -> shapes.VMRecord:
        """Show the record of a VM.

        Returns the record of a VM as it is now.

        vm_id: Id of the VM, as vm_create returned it

        Returns VMRecord (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_vm.
        """
        result: shapes.VMRecord = self._call("vm_status", {"vm_id": vm_id})
        return result

    @operation("vm_network_info")
    def network_info_vm(self, vm_id: str) -> shapes.NetworkInfo:
        """Show the addresses of a VM.

        Returns the addresses that the guest uses; all null without a network.

        vm_id: Id of the VM, as vm_create returned it

        Returns NetworkInfo (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_vm.
        """
        result: shapes.NetworkInfo = self._call("vm_network_info", {"vm_id": vm_id})
        return result

    @operation("vm_reap_expired")
    def reap_expired(self) -> shapes.Reaped:
        """Delete VMs that have reached their time limit.

        Deletes VMs beyond their time limit and clears up after VMs whose processes are gone. Normally every VM does
        this for itself.

        Returns Reaped (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter.
        """
        result: shapes.Reaped = self._call("vm_reap_expired", {})
        return result
