"""`AsyncPyro`: the methods of Pyro for asyncio."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
from collections.abc import Callable, Mapping

from ._async_operations import AsyncOperations
from ._calls import Caller, OnOutput, OnProgress, make_eventfd
from ._scopes import AsyncVM, AsyncWorkspace
from .server import Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import types as shapes
else:
    from . import _shapes as shapes

MOST_AT_ONCE = 256


class AsyncPyro(AsyncOperations):
    """Pyro for asyncio: the same methods, to be awaited. Cancelling one (also by asyncio.timeout()) cancels the call
    and waits until it has cleaned up. Callbacks run in other threads than the loop's; up to 256 calls run at once."""

    def __init__(self, home: str | os.PathLike[str] | None = None, *, on_progress: OnProgress | None = None) -> None:
        self._caller = Caller(home, on_progress)
        self._threads = concurrent.futures.ThreadPoolExecutor(MOST_AT_ONCE, "pyro")

    async def _call(self, operation: str, parameters: Mapping[str, Any], on_output: OnOutput | None = None) -> Any:
        self._caller.check_open(operation)
        cancel = make_eventfd()
        try:
            begun = self._threads.submit(self._perform, operation, parameters, on_output, cancel)
            call = asyncio.wrap_future(begun)
            try:
                return await asyncio.shield(call)
            except asyncio.CancelledError:
                if not begun.cancel():  # else it had no thread yet
                    os.eventfd_write(cancel, 1)
                    await _end_of(call)
                    if call.exception() is None:
                        await self._insist(self._caller.undo, operation, call.result())
                raise
        finally:
            os.close(cancel)

    def _perform(self, *words: Any) -> Any:
        try:
            return self._caller.perform(*words)
        except StopIteration as error:  # no future can hold that: as with generators (PEP 479)
            raise RuntimeError("a callback raised StopIteration") from error

    async def _insist(self, function: Callable[..., None], *arguments: Any, **keywords: Any) -> None:
        """Runs it to its end, however often this is cancelled, and also when no calls are taken any more."""
        work = asyncio.ensure_future(asyncio.to_thread(function, *arguments, **keywords))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            await _end_of(work)
            raise

    async def close(self) -> None:
        """Refuses calls from now on, and waits for those that run. VMs and workspaces go on."""
        self._caller.closed = True
        await asyncio.to_thread(self._threads.shutdown)

    async def __aenter__(self) -> AsyncPyro:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    def create_server(self) -> Server:
        """The MCP server with this object's home; its run() blocks, so it is for a thread."""
        return Server(self._caller.home)

    def vm(self, environment: str, **parameters: object) -> AsyncVM:
        """A VM for an `async with` block; see Pyro.vm()."""
        return AsyncVM(self, environment, parameters)

    def workspace(self, environment: str, **parameters: object) -> AsyncWorkspace:
        """A workspace for an `async with` block; see Pyro.workspace()."""
        return AsyncWorkspace(self, environment, parameters)


async def _end_of(call: asyncio.Future[Any]) -> None:
    """However the call ends, and however often this is cancelled: its eventfd must outlive it."""
    while not call.done():
        try:
            await asyncio.wait([call])
        except asyncio.CancelledError:
            continue
    if not call.cancelled():
        call.exception()
