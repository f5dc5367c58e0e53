"""A real, isolated Linux machine for every coding agent.

    from pyro_mcp import Pyro

    pyro = Pyro()
    result = pyro.run_in_vm("debian:12", command="uname -a")
    print(result["stdout"], result["exit_code"])

docs/python.md shows more. What is not needed is not imported: AsyncPyro and the server come with their first use.
"""

from __future__ import annotations

try:
    from . import _pyro
except ImportError as error:
    from ._missing import explain

    raise explain(error) from error

from .client import Pyro
from .errors import PyroError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .asynchronous import AsyncPyro as AsyncPyro
    from .server import Server as Server

__version__ = _pyro.VERSION
__all__ = ["AsyncPyro", "Pyro", "PyroError", "Server", "__version__", "create_server"]


def create_server() -> Server:
    """The MCP server of `pyro mcp serve`; see Server.run()."""
    return Pyro().create_server()


def __getattr__(name: str) -> object:
    if name == "AsyncPyro":
        from .asynchronous import AsyncPyro

        return AsyncPyro
    if name == "Server":
        from .server import Server

        return Server
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
