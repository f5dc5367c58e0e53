"""Services: their operations as methods.

Written by tests/check_python.py --write from the operation table; do not edit."""

from __future__ import annotations

from collections.abc import Sequence

from .._calls import Methods
from .._words import operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .. import types as shapes
else:
    from .. import _shapes as shapes


class Services(Methods):
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
        It has to stay in the foreground: when the process that was started ends, so does the service. If it ends or
        is not ready in time, nothing of it is left running, and the error tells what was seen last and what it wrote.
        A name that does not run any more can be started anew.

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
