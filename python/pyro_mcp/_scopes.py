"""VMs and workspaces for `with` blocks: nothing of them is left when the block ends."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ._calls import OnOutput
from .errors import make_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import types as shapes
    from .asynchronous import AsyncPyro
    from .client import Pyro
else:
    from . import _shapes as shapes


class _Scope:
    def __init__(self, environment: str, parameters: dict[str, Any]) -> None:
        self._parameters = {"environment": environment, **parameters}
        self._id: str | None = None

    @property
    def id(self) -> str:
        """vm_id or workspace_id, for the methods of Pyro."""
        if self._id is None:
            raise make_error("wrong_state", "there is an id only inside of the `with` block")
        return self._id

    def _check_new(self) -> None:
        if self._id is not None:
            raise make_error("wrong_state", "this block was entered already", "make another one")


class VM(_Scope):
    """A VM that ends with its block, or with its command."""

    def __init__(self, pyro: Pyro, environment: str, parameters: dict[str, Any]) -> None:
        super().__init__(environment, parameters)
        self._pyro = pyro

    def __enter__(self) -> VM:
        self._check_new()
        self._id = self._pyro.create_vm(**self._parameters)["vm_id"]
        try:
            self._pyro.start_vm(self._id)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._pyro._caller.end("vm_delete", vm_id=self.id)
        self._id = None

    def exec(
        self, command: str | Sequence[str], *, timeout_seconds: int = 30, on_output: OnOutput | None = None
    ) -> shapes.CommandResult:
        """Pyro.exec_vm(): the VM ends with the command."""
        return self._pyro.exec_vm(self.id, command=command, timeout_seconds=timeout_seconds, on_output=on_output)

    def status(self) -> shapes.VMRecord:
        """Pyro.status_vm()."""
        return self._pyro.status_vm(self.id)


class Workspace(_Scope):
    """A workspace that is deleted at the end of its block."""

    def __init__(self, pyro: Pyro, environment: str, parameters: dict[str, Any]) -> None:
        super().__init__(environment, parameters)
        self._pyro = pyro

    def __enter__(self) -> Workspace:
        self._check_new()
        self._id = self._pyro.create_workspace(**self._parameters)["workspace_id"]
        return self

    def __exit__(self, *exception: object) -> None:
        self._pyro._caller.end("workspace_delete", workspace_id=self.id)
        self._id = None

    def exec(
        self, command: str | Sequence[str], *, timeout_seconds: int = 30, on_output: OnOutput | None = None
    ) -> shapes.WorkspaceCommandResult:
        """Pyro.exec_workspace()."""
        return self._pyro.exec_workspace(
            self.id, command=command, timeout_seconds=timeout_seconds, on_output=on_output
        )

    def push(self, source_path: str | os.PathLike[str], *, dest: str = "/workspace") -> shapes.WorkspaceSyncPush:
        """Pyro.push_workspace_sync()."""
        return self._pyro.push_workspace_sync(self.id, source_path, dest=dest)

    def export(self, path: str, *, output_path: str | os.PathLike[str], force: bool = False) -> shapes.WorkspaceExport:
        """Pyro.export_workspace()."""
        return self._pyro.export_workspace(self.id, path, output_path=output_path, force=force)

    def diff(self) -> shapes.WorkspaceDiff:
        """Pyro.diff_workspace()."""
        return self._pyro.diff_workspace(self.id)

    def status(self) -> shapes.WorkspaceRecord:
        """Pyro.status_workspace()."""
        return self._pyro.status_workspace(self.id)


class AsyncVM(_Scope):
    """VM for `async with`."""

    def __init__(self, pyro: AsyncPyro, environment: str, parameters: dict[str, Any]) -> None:
        super().__init__(environment, parameters)
        self._pyro = pyro

    async def __aenter__(self) -> AsyncVM:
        self._check_new()
        self._id = (await self._pyro.create_vm(**self._parameters))["vm_id"]
        try:
            await self._pyro.start_vm(self._id)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._pyro._insist(self._pyro._caller.end, "vm_delete", vm_id=self.id)
        self._id = None

    async def exec(
        self, command: str | Sequence[str], *, timeout_seconds: int = 30, on_output: OnOutput | None = None
    ) -> shapes.CommandResult:
        """AsyncPyro.exec_vm(): the VM ends with the command."""
        return await self._pyro.exec_vm(
            self.id, command=command, timeout_seconds=timeout_seconds, on_output=on_output
        )

    async def status(self) -> shapes.VMRecord:
        """AsyncPyro.status_vm()."""
        return await self._pyro.status_vm(self.id)


class AsyncWorkspace(_Scope):
    """Workspace for `async with`."""

    def __init__(self, pyro: AsyncPyro, environment: str, parameters: dict[str, Any]) -> None:
        super().__init__(environment, parameters)
        self._pyro = pyro

    async def __aenter__(self) -> AsyncWorkspace:
        self._check_new()
        self._id = (await self._pyro.create_workspace(**self._parameters))["workspace_id"]
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._pyro._insist(self._pyro._caller.end, "workspace_delete", workspace_id=self.id)
        self._id = None

    async def exec(
        self, command: str | Sequence[str], *, timeout_seconds: int = 30, on_output: OnOutput | None = None
    ) -> shapes.WorkspaceCommandResult:
        """AsyncPyro.exec_workspace()."""
        return await self._pyro.exec_workspace(
            self.id, command=command, timeout_seconds=timeout_seconds, on_output=on_output
        )

    async def push(self, source_path: str | os.PathLike[str], *, dest: str = "/workspace") -> shapes.WorkspaceSyncPush:
        """AsyncPyro.push_workspace_sync()."""
        return await self._pyro.push_workspace_sync(self.id, source_path, dest=dest)

    async def export(
        self, path: str, *, output_path: str | os.PathLike[str], force: bool = False
    ) -> shapes.WorkspaceExport:
        """AsyncPyro.export_workspace()."""
        return await self._pyro.export_workspace(self.id, path, output_path=output_path, force=force)

    async def diff(self) -> shapes.WorkspaceDiff:
        """AsyncPyro.diff_workspace()."""
        return await self._pyro.diff_workspace(self.id)

    async def status(self) -> shapes.WorkspaceRecord:
        """AsyncPyro.status_workspace()."""
        return await self._pyro.status_workspace(self.id)
