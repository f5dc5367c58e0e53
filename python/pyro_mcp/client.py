"""`Pyro`: every operation as a method that waits for its result."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ._calls import Caller, OnOutput, OnProgress
from ._operations import Operations
from ._scopes import VM, Workspace
from .server import Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import types as shapes
else:
    from . import _shapes as shapes


class Pyro(Operations):
    """Real Linux machines, each with its own kernel, for programs that nobody has read.

    home: where environments, templates and VMs are kept; by default $PYRO_HOME, else $XDG_DATA_HOME/pyro, else
        ~/.local/share/pyro
    on_progress: called with what long work is doing (see types.Progress), for example a pull; an exception that it
        raises cancels the call and comes out of it

    Methods take names, numbers and paths as the commands do, and return dicts (pyro_mcp.types). They raise PyroError
    (pyro_mcp.errors); any may also raise home_unusable, store_failed, store_corrupt, store_version, out_of_memory, system. One object may be used from any number of threads at once, and after a fork; while a call waits
    other threads run. Ctrl-C ends a call after it has cleaned up.
    """

    def __init__(self, home: str | os.PathLike[str] | None = None, *, on_progress: OnProgress | None = None) -> None:
        self._caller = Caller(home, on_progress)

    def _call(self, operation: str, parameters: Mapping[str, Any], on_output: OnOutput | None = None) -> Any:
        return self._caller.call(operation, parameters, on_output)

    def close(self) -> None:
        """Refuses calls from now on. VMs and workspaces go on, and so do calls that run."""
        self._caller.closed = True

    def __enter__(self) -> Pyro:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def create_server(self) -> Server:
        """The MCP server with this object's home; see Server.run()."""
        return Server(self._caller.home)

    def vm(self, environment: str, **parameters: object) -> VM:
        """A VM for a `with` block: created and started at its beginning, gone at its end.

        Takes what create_vm() takes. vm.exec() runs the one command that a VM of this kind is for.
        """
        return VM(self, environment, parameters)

    def workspace(self, environment: str, **parameters: object) -> Workspace:
        """A workspace for a `with` block: created at its beginning, deleted at its end, whatever happens in it.

        Takes what create_workspace() takes.
        """
        return Workspace(self, environment, parameters)
