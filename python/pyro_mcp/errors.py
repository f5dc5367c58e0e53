"""What calls raise. Each exception is a PyroError, with the stable `code` of docs/REFERENCE.md, and also the
built-in exception that Python programs expect."""

from __future__ import annotations

from errno import ENOENT

from ._pyro import ERRORS


class PyroError(Exception):
    """A call that failed. `str()` of it is what the command prints: what was asked, what is wrong, what to do next.

    code: stable name of the error, for example "unknown_vm"
    message: what was asked and what is wrong
    hint: what to do next; "" if there is nothing to say
    field: the parameter at fault, or None
    errno: the system's error number that led here, or None
    """

    def __init__(
        self, code: str, message: str, hint: str = "", field: str | None = None, errno: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.field = field
        self.errno = errno

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.code, self.message, self.hint, self.field, self.errno)


class PyroValueError(PyroError, ValueError):
    """What was given is wrong: a parameter, an id, an environment's name."""


class PyroTypeError(PyroValueError, TypeError):
    """A method was called with a keyword that it does not have, or without one that it needs."""


class PyroRuntimeError(PyroError, RuntimeError):
    """It could not be done: wrong state, a guest that failed, a store that is damaged."""


class PyroOSError(PyroError, OSError):
    """The system refused: a home that cannot be written, a full disk."""


class PyroFileNotFoundError(PyroOSError, FileNotFoundError):
    """A program that is needed is missing on this host; `hint` names the Debian package."""


class PyroPathNotFoundError(PyroValueError, FileNotFoundError):
    """There is nothing at a path of this host that was given."""


class PyroTimeoutError(PyroOSError, TimeoutError):
    """A guest that did not start in time, or whose time was over. (A command's own time limit raises nothing:
    its result has `timed_out`.)"""


class PyroMemoryError(PyroError, MemoryError):
    """This process has no memory left."""


class PyroCancelledError(PyroError, KeyboardInterrupt):
    """The call was cancelled from outside. (Ctrl-C raises KeyboardInterrupt itself.)"""


_CLASSES: dict[str, type[PyroError]] = {
    "ValueError": PyroValueError,
    "RuntimeError": PyroRuntimeError,
    "OSError": PyroOSError,
    "FileNotFoundError": PyroFileNotFoundError,
    "TimeoutError": PyroTimeoutError,
    "MemoryError": PyroMemoryError,
    "KeyboardInterrupt": PyroCancelledError,
}


def make_error(code: str, message: str, hint: str = "", field: str = "", errno: int = 0) -> PyroError:
    """The exception for a code of the error table."""
    if (code, errno) == ("invalid_parameter", ENOENT):
        return PyroPathNotFoundError(code, message, hint, field or None, errno)
    kind = _CLASSES.get(ERRORS.get(code, "RuntimeError"), PyroRuntimeError)
    return kind(code, message, hint, field or None, errno or None)
