"""The operations as methods. Written by tests/check_python.py --write from the operation table; do not edit."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from ._calls import OnOutput
from ._words import operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import types as shapes
else:
    from . import _shapes as shapes


class Operations:
    def _call(self, operation: str, parameters: Mapping[str, Any], on_output: OnOutput | None = None) -> Any:
        raise NotImplementedError

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

    @operation("workspace_create")
    def create_workspace(
        self,
        environment: str,
        *,
        vcpu_count: int = 1,
        mem_mib: int = 1024,
        ttl_seconds: int = 86400,
        network: bool = False,
        allow_host_compat: bool = False,
        seed_path: str | os.PathLike[str] | None = None,
    ) -> shapes.WorkspaceRecord:
        """Start a guest that stays, with /workspace filled from a directory or archive.

        Starts a guest that lives on until it is deleted, fills its /workspace from a directory or an archive of this
        host if one is given, and remembers that state as the baseline of later diffs. Commands then run in it one
        after the other or at once, and find what those before them left. It does not need this process, this terminal
        or this login session. A workspace is always a guest: allow_host_compat is taken, and changes nothing.

        environment: Environment of the guest, for example debian:12; pulled first if it is not installed
        vcpu_count: Virtual CPUs of the guest (1 to 64)
        mem_mib: Memory of the guest in MiB (128 to 16777216)
        ttl_seconds: How long after its last use the guest is powered off; files and history stay (1 to 31536000)
        network: Give the guest a way out to the network (never to this host); without it there is no NIC
        allow_host_compat: If no VM can run here, use a sandbox on the host's own kernel instead of failing
        seed_path: Directory of this host, or .tar, .tar.gz or .tgz archive, that fills /workspace

        Returns WorkspaceRecord (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_environment; RuntimeError: pull_failed, no_vm, not_enough_memory, too_many_vms, boot_failed,
        network_failed, guest_failed, supervisor_died, source_changed, push_incomplete; TimeoutError: boot_timeout;
        FileNotFoundError: missing_program, invalid_parameter for a path that is not there; OSError: disk_full.
        """
        result: shapes.WorkspaceRecord = self._call(
            "workspace_create",
            {
                "environment": environment,
                "vcpu_count": vcpu_count,
                "mem_mib": mem_mib,
                "ttl_seconds": ttl_seconds,
                "network": network,
                "allow_host_compat": allow_host_compat,
                "seed_path": seed_path,
            },
        )
        return result

    @operation("workspace_sync_push")
    def push_workspace_sync(
        self,
        workspace_id: str,
        source_path: str | os.PathLike[str],
        *,
        dest: str = "/workspace",
    ) -> shapes.WorkspaceSyncPush:
        """Put a directory or an archive of this host into a workspace.

        Copies the content of a directory or an archive into a started workspace, over what is there. Each file
        appears whole or not at all. If it fails half-way the error says which entries are in. The baseline of diffs
        stays what it was.

        workspace_id: Id of the workspace, as workspace create told it
        source_path: Directory of this host, or .tar, .tar.gz or .tgz archive; its content is put there
        dest: Directory under /workspace to put it into; made if it is not there

        Returns WorkspaceSyncPush (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace; RuntimeError: workspace_failed, wrong_state, guest_failed, supervisor_died, source_changed,
        push_incomplete; FileNotFoundError: invalid_parameter for a path that is not there.
        """
        result: shapes.WorkspaceSyncPush = self._call(
            "workspace_sync_push",
            {
                "workspace_id": workspace_id,
                "source_path": source_path,
                "dest": dest,
            },
        )
        return result

    @operation("workspace_exec")
    def exec_workspace(
        self,
        workspace_id: str,
        *,
        command: str | Sequence[str],
        timeout_seconds: int = 30,
        on_output: OnOutput | None = None,
    ) -> shapes.WorkspaceCommandResult:
        """Run one command in a workspace, which stays.

        Runs one command as root in /workspace of a workspace and passes its output on as it comes. The workspace
        stays, the command and its output are kept in its history (workspace logs). Several may run at once. Programs
        that the command leaves in the background go on. A workspace whose guest is gone is started again from its
        disk, and stderr says so.

        workspace_id: Id of the workspace, as workspace create told it
        command: Command to run: a list is one argument vector, never split again; a string runs under /bin/sh -lc
        timeout_seconds: Time limit of the command; at its end everything it started is killed (1 to 86400)
        on_output: called with "stdout" or "stderr" and the bytes, as the command writes them; what it raises cancels
            the call

        Returns WorkspaceCommandResult (pyro_mcp.types). Raises PyroError, which is also a ValueError:
        invalid_parameter, unknown_workspace; RuntimeError: workspace_failed, no_vm, not_enough_memory, too_many_vms,
        boot_failed, network_failed, guest_failed, supervisor_died; TimeoutError: boot_timeout; FileNotFoundError:
        missing_program; OSError: disk_full.
        """
        result: shapes.WorkspaceCommandResult = self._call(
            "workspace_exec",
            {
                "workspace_id": workspace_id,
                "command": command,
                "timeout_seconds": timeout_seconds,
            },
            on_output,
        )
        return result

    @operation("workspace_export")
    def export_workspace(
        self,
        workspace_id: str,
        path: str,
        *,
        output_path: str | os.PathLike[str],
        force: bool = False,
    ) -> shapes.WorkspaceExport:
        """Copy a file or directory from a workspace to this host.

        Copies one file, directory or symlink from /workspace to a path of this host. It is written beside its goal
        and renamed when all of it is there. Nothing is ever created elsewhere: devices, sockets, pipes and links that
        lead out of what is exported are left out and listed; set-id bits are dropped.

        workspace_id: Id of the workspace, as workspace create told it
        path: File, directory or symlink under /workspace
        output_path: Path on this host that it becomes; its directory must be there
        force: Replace what is at the output path

        Returns WorkspaceExport (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace; RuntimeError: workspace_failed, wrong_state, guest_failed, supervisor_died.
        """
        result: shapes.WorkspaceExport = self._call(
            "workspace_export",
            {
                "workspace_id": workspace_id,
                "path": path,
                "output_path": output_path,
                "force": force,
            },
        )
        return result

    @operation("workspace_diff")
    def diff_workspace(self, workspace_id: str) -> shapes.WorkspaceDiff:
        """Show what changed in /workspace since the workspace was created.

        Compares /workspace with how it was when the workspace was created; that baseline lies on this host, out of
        the guest's reach. Prints a unified diff on stdout that git apply and patch -p1 accept, and on stderr what has
        no text: binary and large files, links, permissions.

        workspace_id: Id of the workspace, as workspace create told it

        Returns WorkspaceDiff (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace; RuntimeError: workspace_failed, wrong_state, guest_failed, supervisor_died.
        """
        result: shapes.WorkspaceDiff = self._call("workspace_diff", {"workspace_id": workspace_id})
        return result

    @operation("workspace_status")
    def status_workspace(self, workspace_id: str) -> shapes.WorkspaceRecord:
        """Show how a workspace is.

        Returns the record of a workspace as it is now.

        workspace_id: Id of the workspace, as workspace create told it

        Returns WorkspaceRecord (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace.
        """
        result: shapes.WorkspaceRecord = self._call("workspace_status", {"workspace_id": workspace_id})
        return result

    @operation("workspace_logs")
    def logs_workspace(self, workspace_id: str) -> shapes.WorkspaceLogs:
        """Show the commands of a workspace and what they wrote.

        Returns every command that was run in a workspace with its output, also when its guest is gone, until the
        workspace is deleted.

        workspace_id: Id of the workspace, as workspace create told it

        Returns WorkspaceLogs (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace.
        """
        result: shapes.WorkspaceLogs = self._call("workspace_logs", {"workspace_id": workspace_id})
        return result

    @operation("workspace_delete")
    def delete_workspace(self, workspace_id: str) -> shapes.WorkspaceDeleted:
        """End a workspace and remove all of it: guest, files, history.

        Ends the guest if it runs and removes its disk, its baseline and its history.

        workspace_id: Id of the workspace, as workspace create told it

        Returns WorkspaceDeleted (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace.
        """
        result: shapes.WorkspaceDeleted = self._call("workspace_delete", {"workspace_id": workspace_id})
        return result

    @operation("service_start")
    def start_service(
        self,
        workspace_id: str,
        service_name: str,
        *,
        command: str | Sequence[str],
        cwd: str = "/workspace",
        readiness: shapes.Readiness | None = None,
        ready_timeout_seconds: int = 30,
        ready_interval_ms: int = 500,
    ) -> shapes.ServiceRecord:
        """Start a named process that stays, and wait until it is ready.

        Starts a process in a workspace that runs on without any client, and returns once it is ready: a file is
        there, a port accepts connections, a URL answers, or a command succeeds, all looked at from inside the guest.
        If it ends or is not ready in time, nothing of it is left running, and the error tells what was seen last and
        what it wrote. A name that does not run any more can be started anew.

        workspace_id: Id of the workspace, as workspace create told it
        service_name: Name of the service within its workspace, for example web
        command: Command to run: a list is one argument vector, never split again; a string runs under /bin/sh -lc
        cwd: Directory of the guest to start it in; relative ones are below /workspace
        readiness: What tells that it is ready; without it, it is as soon as it was started
        ready_timeout_seconds: How long it may take to be ready; then it is ended, and start fails (1 to 86400)
        ready_interval_ms: From one look at its readiness to the next (1 to 3600000)

        Returns ServiceRecord (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace; RuntimeError: workspace_failed, wrong_state, guest_failed, supervisor_died, service_failed.
        """
        result: shapes.ServiceRecord = self._call(
            "service_start",
            {
                "workspace_id": workspace_id,
                "service_name": service_name,
                "command": command,
                "cwd": cwd,
                "readiness": readiness,
                "ready_timeout_seconds": ready_timeout_seconds,
                "ready_interval_ms": ready_interval_ms,
            },
        )
        return result

    @operation("service_list")
    def list_services(self, workspace_id: str) -> shapes.ServiceList:
        """List the services of a workspace.

        Lists all services of a workspace, those that have ended too.

        workspace_id: Id of the workspace, as workspace create told it

        Returns ServiceList (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace.
        """
        result: shapes.ServiceList = self._call("service_list", {"workspace_id": workspace_id})
        return result

    @operation("service_status")
    def status_service(self, workspace_id: str, service_name: str) -> shapes.ServiceRecord:
        """Show how a service is.

        Returns the record of a service as it is now.

        workspace_id: Id of the workspace, as workspace create told it
        service_name: Name of the service within its workspace, for example web

        Returns ServiceRecord (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace, unknown_service.
        """
        result: shapes.ServiceRecord = self._call("service_status", {"workspace_id": workspace_id, "service_name": service_name})
        return result

    @operation("service_logs")
    def logs_service(
        self,
        workspace_id: str,
        service_name: str,
        *,
        tail_lines: int = 200,
        all: bool = False,
    ) -> shapes.ServiceLogs:
        """Show what a service wrote.

        Returns the end of what a service wrote to stdout and stderr since it was started last, also when it or its
        guest has ended. It is kept outside of /workspace: no diff and no export shows it.

        workspace_id: Id of the workspace, as workspace create told it
        service_name: Name of the service within its workspace, for example web
        tail_lines: How many lines of each stream's end (0 to 1000000000)
        all: All that is kept, which is the last 16 MiB of each stream

        Returns ServiceLogs (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace, unknown_service.
        """
        result: shapes.ServiceLogs = self._call(
            "service_logs",
            {
                "workspace_id": workspace_id,
                "service_name": service_name,
                "tail_lines": tail_lines,
                "all": all,
            },
        )
        return result

    @operation("service_stop")
    def stop_service(self, workspace_id: str, service_name: str, *, grace_seconds: int = 10) -> shapes.StoppedService:
        """End a service and all it has started.

        Sends SIGTERM to all processes of a service, kills what is left of them after the grace time, and returns when
        nothing of it runs. One that has ended already stays as it is, which is no error.

        workspace_id: Id of the workspace, as workspace create told it
        service_name: Name of the service within its workspace, for example web
        grace_seconds: How long its processes may take to end after SIGTERM; then they are killed (0 to 3600)

        Returns StoppedService (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace, unknown_service; RuntimeError: wrong_state.
        """
        result: shapes.StoppedService = self._call(
            "service_stop",
            {
                "workspace_id": workspace_id,
                "service_name": service_name,
                "grace_seconds": grace_seconds,
            },
        )
        return result

    @operation("shell_open")
    def open_shell(
        self,
        workspace_id: str,
        *,
        cwd: str = "/workspace",
        cols: int = 120,
        rows: int = 30,
        scrollback_bytes: int = 4194304,
    ) -> shapes.ShellRecord:
        """Open a terminal with a login shell that stays.

        Opens a terminal in a workspace with bash in it, or sh where there is no bash. It keeps its state from one
        call to the next and needs no client: write to it, read what it shows, or attach to it. Many can be open at
        once.

        workspace_id: Id of the workspace, as workspace create told it
        cwd: Directory of the guest to open it in; relative ones are below /workspace
        cols: Width of its terminal in characters (1 to 4096)
        rows: Height of its terminal in lines (1 to 4096)
        scrollback_bytes: How much of what it shows is kept at least (1048576 to 1073741824)

        Returns ShellRecord (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace; RuntimeError: workspace_failed, wrong_state, guest_failed, supervisor_died.
        """
        result: shapes.ShellRecord = self._call(
            "shell_open",
            {
                "workspace_id": workspace_id,
                "cwd": cwd,
                "cols": cols,
                "rows": rows,
                "scrollback_bytes": scrollback_bytes,
            },
        )
        return result

    @operation("shell_read")
    def read_shell(
        self,
        workspace_id: str,
        shell_id: str,
        *,
        cursor: int = 0,
        max_chars: int = 65536,
        plain: bool = False,
        wait_ms: int = 0,
        wait_for_idle_ms: int = 0,
    ) -> shapes.ShellOutput:
        """Show what a shell's terminal showed, from a cursor on.

        Returns what the terminal of a shell showed. Reading takes nothing away: every reader has a cursor of its own.
        It can wait until something new comes, and until that has settled. A shell that has ended can be read as long
        as its workspace is there.

        workspace_id: Id of the workspace, as workspace create told it
        shell_id: Id of the shell, as shell open told it
        cursor: Where to begin, in characters: the next_cursor of the read before; 0: the oldest that is kept (at
            least 0)
        max_chars: How many characters at most (1 to 16777216)
        plain: Leave out colours and whatever else only a terminal understands
        wait_ms: If there is nothing new yet, wait for it, so long at most (0 to 86400000)
        wait_for_idle_ms: Wait until nothing new has come for so long; wait_ms, or else 10 s, is the most (0 to
            3600000)

        Returns ShellOutput (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace, unknown_shell.
        """
        result: shapes.ShellOutput = self._call(
            "shell_read",
            {
                "workspace_id": workspace_id,
                "shell_id": shell_id,
                "cursor": cursor,
                "max_chars": max_chars,
                "plain": plain,
                "wait_ms": wait_ms,
                "wait_for_idle_ms": wait_for_idle_ms,
            },
        )
        return result

    @operation("shell_write")
    def write_shell(
        self,
        workspace_id: str,
        shell_id: str,
        *,
        input: str,
        append_newline: bool = True,
    ) -> shapes.ShellInput:
        """Type into the terminal of a shell.

        Types text into the terminal of a shell, as a person would. It returns at once; what the shell does not read
        yet waits, up to 4 MiB. Control characters are keys: \u0003 is Ctrl-C, \u0004 Ctrl-D.

        workspace_id: Id of the workspace, as workspace create told it
        shell_id: Id of the shell, as shell open told it
        input: What to type; on the command line, without it, what is redirected to stdin
        append_newline: Type a newline behind it

        Returns ShellInput (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace, unknown_shell; RuntimeError: wrong_state.
        """
        result: shapes.ShellInput = self._call(
            "shell_write",
            {
                "workspace_id": workspace_id,
                "shell_id": shell_id,
                "input": input,
                "append_newline": append_newline,
            },
        )
        return result

    @operation("shell_signal")
    def signal_shell(self, workspace_id: str, shell_id: str, *, signal_name: str = "INT") -> shapes.ShellSignal:
        """Send a signal to the program in a shell's foreground.

        Sends a signal to the foreground process group of a shell's terminal: the program that runs in it, or the
        shell itself when there is none.

        workspace_id: Id of the workspace, as workspace create told it
        shell_id: Id of the shell, as shell open told it
        signal_name: The signal (HUP, INT, TERM, KILL)

        Returns ShellSignal (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace, unknown_shell; RuntimeError: wrong_state.
        """
        result: shapes.ShellSignal = self._call(
            "shell_signal",
            {
                "workspace_id": workspace_id,
                "shell_id": shell_id,
                "signal_name": signal_name,
            },
        )
        return result

    @operation("shell_resize")
    def resize_shell(self, workspace_id: str, shell_id: str, *, cols: int, rows: int) -> shapes.ShellRecord:
        """Change the size of a shell's terminal.

        Changes the size of a shell's terminal; its programs are told (SIGWINCH).

        workspace_id: Id of the workspace, as workspace create told it
        shell_id: Id of the shell, as shell open told it
        cols: Width of its terminal in characters (1 to 4096)
        rows: Height of its terminal in lines (1 to 4096)

        Returns ShellRecord (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace, unknown_shell; RuntimeError: wrong_state.
        """
        result: shapes.ShellRecord = self._call(
            "shell_resize",
            {
                "workspace_id": workspace_id,
                "shell_id": shell_id,
                "cols": cols,
                "rows": rows,
            },
        )
        return result

    @operation("shell_close")
    def close_shell(self, workspace_id: str, shell_id: str) -> shapes.ClosedShell:
        """End a shell and all it has started.

        Hangs up the terminal of a shell, kills what ignores that, and returns when nothing of it runs. What it showed
        can still be read. One that has ended already stays as it is, which is no error.

        workspace_id: Id of the workspace, as workspace create told it
        shell_id: Id of the shell, as shell open told it

        Returns ClosedShell (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace, unknown_shell.
        """
        result: shapes.ClosedShell = self._call("shell_close", {"workspace_id": workspace_id, "shell_id": shell_id})
        return result

    @operation("env_list")
    def list_environments(self) -> list[shapes.CatalogEntry]:
        """List the environments a guest can be.

        Lists the catalog, and says which environments are installed on this host.

        Returns a list of CatalogEntry (pyro_mcp.types). Raises PyroError, which is also a ValueError:
        invalid_parameter.
        """
        result: shapes.EnvironmentList = self._call("env_list", {})
        return result["environments"]

    @operation("env_pull")
    def pull_environment(self, environment: str) -> shapes.Environment:
        """Build and install an environment, or repair it.

        Builds the environment from the distribution's own signed archive and installs it. Does nothing when it is
        installed and whole; repairs it when it is damaged. Takes about half a minute and needs the network. Needs no
        root.

        environment: Name of the environment, for example debian:12

        Returns Environment (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_environment; RuntimeError: pull_failed; OSError: disk_full; FileNotFoundError: missing_program.
        """
        result: shapes.Environment = self._call("env_pull", {"environment": environment})
        return result

    @operation("env_inspect")
    def inspect_environment(self, environment: str) -> shapes.Environment:
        """Show what an environment is and where it is installed.

        Shows the catalog's entry and, once installed, the installation's files, versions and sizes.

        environment: Name of the environment, for example debian:12

        Returns Environment (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_environment.
        """
        result: shapes.Environment = self._call("env_inspect", {"environment": environment})
        return result

    @operation("env_prune")
    def prune_environments(self) -> shapes.Pruned:
        """Remove installations that nothing can use any more.

        Removes environments that are not in the catalog any more, half-finished pulls and stale templates. Never
        touches what a running VM uses.

        Returns Pruned (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter.
        """
        result: shapes.Pruned = self._call("env_prune", {})
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
