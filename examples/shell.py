"""A shell that stays open: a real terminal, typed into and read by a program.

    python examples/shell.py
"""

from pyro_mcp import Pyro


class Terminal:
    """One shell of a workspace, and how far its output was read. Reading takes nothing away: others can read too."""

    def __init__(self, pyro, workspace_id):
        self.pyro, self.workspace_id, self.cursor = pyro, workspace_id, 0
        self.id = pyro.open_shell(workspace_id, cols=100, rows=30)["shell_id"]

    def type(self, line):
        self.pyro.write_shell(self.workspace_id, self.id, input=line)

    def expect(self, text):
        """Reads on until a text has come. A read waits for something new, 30 s at most, and until that has settled."""
        seen, waits = "", {"wait_ms": 30_000, "wait_for_idle_ms": 100}
        while text not in seen:
            read = self.pyro.read_shell(self.workspace_id, self.id, cursor=self.cursor, plain=True, **waits)
            if read["end_cursor"] == self.cursor:
                raise TimeoutError(f"no {text!r} in {seen!r}")
            seen, self.cursor = seen + read["output"], read["next_cursor"]

    def interrupt(self):
        """What Ctrl-C does: a signal to the program in the foreground."""
        self.pyro.signal_shell(self.workspace_id, self.id, signal_name="INT")

    def close(self):
        return self.pyro.close_shell(self.workspace_id, self.id)


pyro = Pyro()
with pyro.workspace("debian:12-base") as workspace:
    terminal = Terminal(pyro, workspace.id)

    # The shell keeps its directory and its variables. (The quotes keep what is typed apart from what is printed.)
    terminal.type("cd /tmp; NAME=wor''ld")
    terminal.type('echo "hello $NAME from $PWD"')
    terminal.expect("hello world from /tmp")

    # A program that would run for long, ended from outside; the shell goes on.
    terminal.type("sh -c \"echo sleep''ing; exec sleep 1000\"")
    terminal.expect("sleeping")
    terminal.interrupt()
    terminal.type('echo "and a""wake"')
    terminal.expect("and awake")

    print("shell", terminal.close()["state"])
    whole = pyro.read_shell(workspace.id, terminal.id, plain=True)
    print(whole["output"])
