"""One call: parameters to JSON, the extension, the result or the exception."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from . import _pyro
from .errors import PyroError, make_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import types as shapes
else:
    from . import _shapes as shapes

OnOutput = Callable[[str, bytes], object]
OnProgress = Callable[["shapes.Progress"], object]


# What ends what an operation makes, and the ids that it takes.
_UNDO = {
    "vm_create": ("vm_delete", ("vm_id",)),
    "workspace_create": ("workspace_delete", ("workspace_id",)),
    "service_start": ("service_stop", ("workspace_id", "service_name")),
    "shell_open": ("shell_close", ("workspace_id", "shell_id")),
}


def _libexec() -> bytes:
    """Where the package keeps the programs that it starts; empty where the library is to look for them."""
    packaged = os.path.join(os.path.dirname(__file__), "libexec")
    if os.environ.get("PYRO_LIBEXEC") or not os.path.isdir(packaged):
        return b""
    return os.fsencode(packaged)


def _plain(value: Any) -> str:
    """Paths, which JSON does not know."""
    if isinstance(value, bytes) or not hasattr(value, "__fspath__"):
        raise TypeError(type(value).__name__)
    return os.fsdecode(value)


def _check_numbers(value: Any) -> None:
    if isinstance(value, int) and abs(value) >= 1 << 63:
        raise ValueError("a number of more than 64 bits")
    if isinstance(value, (list, tuple)):
        for item in value:
            _check_numbers(item)
    if isinstance(value, dict):
        for item in value.values():
            _check_numbers(item)


def _encode_value(value: Any) -> str:
    import json

    _check_numbers(value)
    text = json.dumps(value, default=_plain, allow_nan=False, ensure_ascii=False)
    text.encode()
    return text


def encode(operation: str, parameters: Mapping[str, Any]) -> str:
    """As JSON; what has no form in it is an error that names the parameter."""
    members = []
    for name, value in parameters.items():
        try:
            members.append(f'"{name}": {_encode_value(value)}')
        except TypeError as error:
            message = f"{operation}: {name} is or holds what pyro cannot take: {error}"
            hint = "give str, int, float, bool, None, a path, or lists and dicts of them; bytes need .decode() first"
            raise make_error("invalid_parameter", message, hint, name) from None
        except (ValueError, RecursionError) as error:
            message = f"{operation}: {name} has no form in JSON: {error}"
            raise make_error("invalid_parameter", message, "", name) from None
    return "{" + ", ".join(members) + "}"


def _check_callback(operation: str, name: str, callback: object) -> None:
    if callback is not None and not callable(callback):
        message = f"{operation}: {name} is of type {type(callback).__name__}, which cannot be called"
        raise make_error("invalid_parameter", message, "give a function", name)


def make_eventfd() -> int:
    try:
        return os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    except OSError as error:
        raise make_error("system", f"cannot make an eventfd: {error.strerror}", "", "", error.errno or 0) from None


class Methods:
    """What the families of operations call through."""

    def _call(self, operation: str, parameters: Mapping[str, Any], on_output: OnOutput | None = None) -> Any:
        raise NotImplementedError


class AsyncMethods:
    """The same for methods that are awaited."""

    async def _call(self, operation: str, parameters: Mapping[str, Any], on_output: OnOutput | None = None) -> Any:
        raise NotImplementedError


class Caller:
    """What a Pyro calls with. It holds no resource: each call opens what it needs and closes it, so threads, forked
    processes and interpreters may share or copy it as they like."""

    def __init__(self, home: str | os.PathLike[str] | None, on_progress: OnProgress | None) -> None:
        _check_callback("Pyro", "on_progress", on_progress)
        try:
            self.home = b"" if home is None else os.fsencode(home)
        except UnicodeEncodeError:
            raise make_error("invalid_parameter", "Pyro: home is no text that a path can be", "", "home") from None
        except TypeError:
            message = f"Pyro: home is of type {type(home).__name__}, which is no path"
            raise make_error("invalid_parameter", message, "give a str or a pathlib.Path", "home") from None
        if b"\0" in self.home:
            raise make_error("invalid_parameter", "Pyro: home holds a NUL", "", "home")
        self.libexec = _libexec()
        self.on_progress = on_progress
        self.closed = False

    def _progress(self, operation: str, phase: str, message: str, done: int, total: int) -> None:
        assert self.on_progress is not None
        self.on_progress(
            {"operation": operation, "phase": phase, "message": message, "done": done, "total": total or None}
        )

    def check_open(self, operation: str) -> None:
        if self.closed:
            raise make_error("wrong_state", f"{operation}: this Pyro is closed", "make another one: Pyro()")

    def call(self, operation: str, parameters: Mapping[str, Any], on_output: OnOutput | None = None) -> Any:
        """Calls an operation."""
        self.check_open(operation)
        cancel_fd = make_eventfd()
        try:
            return self.perform(operation, parameters, on_output, cancel_fd)
        finally:
            os.close(cancel_fd)

    def perform(
        self, operation: str, parameters: Mapping[str, Any], on_output: OnOutput | None, cancel_fd: int
    ) -> Any:
        """The same, closed or not. `cancel_fd`: an eventfd; what is written to it cancels the call. -1: nothing does."""
        import json

        _check_callback(operation, "on_output", on_output)
        text = encode(operation, parameters)
        progress = self.on_progress and self._progress
        results: list[str] = []
        try:
            failure = _pyro.call(
                self.home, self.libexec, operation, text, on_output, progress, cancel_fd, results
            )
            if failure:
                raise make_error(*failure)
            return json.loads(results[0])
        except BaseException:
            if results:
                self.undo(operation, json.loads(results[0]))
            raise

    def end(self, operation: str, **ids: str) -> None:
        """Deletes or stops what its user is done with, also when this is closed; what is gone already is fine."""
        try:
            self.perform(operation, ids, None, -1)
        except PyroError as error:
            if not error.code.startswith("unknown_"):
                raise

    def undo(self, operation: str, result: Mapping[str, str]) -> None:
        """Takes back what a call has made that was interrupted too late: nobody hears of it."""
        if operation in _UNDO:
            undoing, ids = _UNDO[operation]
            self.end(undoing, **{name: result[name] for name in ids})
