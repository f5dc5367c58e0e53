"""Shells: their operations as methods to be awaited.

Written by tests/check_python.py --write from the operation table; do not edit."""

from __future__ import annotations

from .._calls import AsyncMethods
from .._words import operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .. import types as shapes
else:
    from .. import _shapes as shapes


class Shells(AsyncMethods):
    @operation("shell_open")
    async def open_shell(
        self,
        workspace_id: str,
        *,
        cwd: str = "/workspace",
        cols: int = 120,
        rows: int = 30,
        scrollback_bytes: int = 4194304,
    ) -> shapes.ShellRecord:
        """Open a terminal with a login shell that stays.

        Opens a terminal in a workspace with bash in it, or sh where there is no bash. It keeps its state from one
        call to the next and needs no client: write to it, read what it shows, or attach to it. Many can be open at
        once. TERM is xterm-256color.

        workspace_id: Id of the workspace, as workspace create told it
        cwd: Directory of the guest to open it in; relative ones are below /workspace
        cols: Width of its terminal in characters (1 to 4096)
        rows: Height of its terminal in lines (1 to 4096)
        scrollback_bytes: How much of what it shows is kept at least (1048576 to 1073741824)

        Returns ShellRecord (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace; RuntimeError: workspace_failed, wrong_state, guest_failed, supervisor_died.
        """
        result: shapes.ShellRecord = await self._call(
            "shell_open",
            {
                "workspace_id": workspace_id,
                "cwd": cwd,
                "cols": cols,
                "rows": rows,
                "scrollback_bytes": scrollback_bytes,
            },
        )
        return result

    @operation("shell_read")
    async def read_shell(
        self,
        workspace_id: str,
        shell_id: str,
        *,
        cursor: int = 0,
        max_chars: int = 65536,
        plain: bool = False,
        wait_ms: int = 0,
        wait_for_idle_ms: int = 0,
    ) -> shapes.ShellOutput:
        """Show what a shell's terminal showed, from a cursor on.

        Returns what the terminal of a shell showed. Reading takes nothing away: every reader has a cursor of its own.
        It can wait until something new comes, and until that has settled. A shell that has ended can be read as long
        as its workspace is there.

        workspace_id: Id of the workspace, as workspace create told it
        shell_id: Id of the shell, as shell open told it
        cursor: Where to begin, in characters: the next_cursor of the read before; 0: the oldest that is kept (at
            least 0)
        max_chars: How many characters at most (1 to 16777216)
        plain: Leave out colours and whatever else only a terminal understands; a place on the screen begins a line,
            one further in it is a blank
        wait_ms: If there is nothing new yet, wait for it, so long at most (0 to 86400000)
        wait_for_idle_ms: Wait until nothing new has come for so long; wait_ms, or else 10 s, is the most (0 to
            3600000)

        Returns ShellOutput (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace, unknown_shell.
        """
        result: shapes.ShellOutput = await self._call(
            "shell_read",
            {
                "workspace_id": workspace_id,
                "shell_id": shell_id,
                "cursor": cursor,
                "max_chars": max_chars,
                "plain": plain,
                "wait_ms": wait_ms,
                "wait_for_idle_ms": wait_for_idle_ms,
            },
        )
        return result

    @operation("shell_write")
    async def write_shell(
        self,
        workspace_id: str,
        shell_id: str,
        *,
        input: str,
        append_newline: bool = True,
    ) -> shapes.ShellInput:
        """Type into the terminal of a shell.

        Types text into the terminal of a shell, as a person would. It returns at once; what the shell does not read
        yet waits, up to 4 MiB. Control characters are keys: 3 is Ctrl-C, 4 Ctrl-D ($'\003' in bash, \u0003 in JSON).
        Editors, menus and whatever else reads single keys takes Enter as a carriage return: \r, without the newline.
        A program that reads lines from its terminal gets at most 4095 bytes of each: longer input belongs into a
        file.

        workspace_id: Id of the workspace, as workspace create told it
        shell_id: Id of the shell, as shell open told it
        input: What to type; on the command line, without it, what is redirected to stdin
        append_newline: Type a newline behind it

        Returns ShellInput (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace, unknown_shell; RuntimeError: wrong_state.
        """
        result: shapes.ShellInput = await self._call(
            "shell_write",
            {
                "workspace_id": workspace_id,
                "shell_id": shell_id,
                "input": input,
                "append_newline": append_newline,
            },
        )
        return result

    @operation("shell_signal")
    async def signal_shell(self, workspace_id: str, shell_id: str, *, signal_name: str = "INT") -> shapes.ShellSignal:
        """Send a signal to the program in a shell's foreground.

        Sends a signal to the foreground process group of a shell's terminal: the program that runs in it, or the
        shell itself when there is none.

        workspace_id: Id of the workspace, as workspace create told it
        shell_id: Id of the shell, as shell open told it
        signal_name: The signal (HUP, INT, TERM, KILL)

        Returns ShellSignal (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace, unknown_shell; RuntimeError: wrong_state.
        """
        result: shapes.ShellSignal = await self._call(
            "shell_signal",
            {
                "workspace_id": workspace_id,
                "shell_id": shell_id,
                "signal_name": signal_name,
            },
        )
        return result

    @operation("shell_resize")
    async def resize_shell(self, workspace_id: str, shell_id: str, *, cols: int, rows: int) -> shapes.ShellRecord:
        """Change the size of a shell's terminal.

        Changes the size of a shell's terminal; its programs are told (SIGWINCH).

        workspace_id: Id of the workspace, as workspace create told it
        shell_id: Id of the shell, as shell open told it
        cols: Width of its terminal in characters (1 to 4096)
        rows: Height of its terminal in lines (1 to 4096)

        Returns ShellRecord (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace, unknown_shell; RuntimeError: wrong_state.
        """
        result: shapes.ShellRecord = await self._call(
            "shell_resize",
            {
                "workspace_id": workspace_id,
                "shell_id": shell_id,
                "cols": cols,
                "rows": rows,
            },
        )
        return result

    @operation("shell_close")
    async def close_shell(self, workspace_id: str, shell_id: str) -> shapes.ClosedShell:
        """End a shell and all it has started.

        Hangs up the terminal of a shell, kills what ignores that, and returns when nothing of it runs. What it showed
        can still be read. One that has ended already stays as it is, which is no error.

        workspace_id: Id of the workspace, as workspace create told it
        shell_id: Id of the shell, as shell open told it

        Returns ClosedShell (pyro_mcp.types). Raises PyroError, which is also a ValueError: invalid_parameter,
        unknown_workspace, unknown_shell.
        """
        result: shapes.ClosedShell = await self._call("shell_close", {"workspace_id": workspace_id, "shell_id": shell_id})
        return result
