"""Workspaces: their operations as methods.

Written by tests/check_python.py --write from the operation table; do not edit."""

from __future__ import annotations

import os
from collections.abc import Sequence

from .._calls import Methods, OnOutput
from .._words import operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .. import types as shapes
else:
    from .. import _shapes as shapes


class Workspaces(Methods):
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
