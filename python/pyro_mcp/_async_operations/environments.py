"""Environments: their operations as methods to be awaited.

Written by tests/check_python.py --write from the operation table; do not edit."""

from __future__ import annotations

from .._calls import AsyncMethods
from .._words import operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .. import types as shapes
else:
    from .. import _shapes as shapes


class Environments(AsyncMethods):
    @operation("env_list")
    async def list_environments(self) -> list[shapes.CatalogEntry]:
        """List the environments a guest can be.

        Lists the catalog, and says which environments are installed on this host.

        Returns a list of CatalogEntry (pyro_mcp.types). Raises PyroError, which is also a ValueError:
        invalid_parameter.
        """
        result: shapes.EnvironmentList = await self._call("env_list", {})
        return result["environments"]

    @operation("env_pull")
    async def pull_environment(self, environment: str) -> shapes.Environment:
        """Build and install an environment, or repair it.

        Builds the environment from the distribution's own signed archive and installs it. Does nothing when it is
        installed and whole; repairs it when it is damaged. Takes about half a minute and needs the network. Needs no
        root.

        environment: Name of the environment, for example debian:12

        Returns Environment (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_environment; RuntimeError: pull_failed; OSError: disk_full; FileNotFoundError: missing_program.
        """
        result: shapes.Environment = await self._call("env_pull", {"environment": environment})
        return result

    @operation("env_inspect")
    async def inspect_environment(self, environment: str) -> shapes.Environment:
        """Show what an environment is and where it is installed.

        Shows the catalog's entry and, once installed, the installation's files, versions and sizes.

        environment: Name of the environment, for example debian:12

        Returns Environment (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_environment.
        """
        result: shapes.Environment = await self._call("env_inspect", {"environment": environment})
        return result

    @operation("env_prune")
    async def prune_environments(self) -> shapes.Pruned:
        """Remove installations that nothing can use any more.

        Removes environments that are not in the catalog any more, half-finished pulls and stale templates. Never
        touches what a running VM uses.

        Returns Pruned (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter.
        """
        result: shapes.Pruned = await self._call("env_prune", {})
        return result
