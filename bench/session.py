#!/usr/bin/env python3
"""Measures services and shells, each against what the guest does without pyro.

    bench/session.py [-n ROUNDS] [--mib N]     writes bench/results/session.json and prints a table

Every figure is a ratio of two things done in the same run, in turns where they are short: trust the ratios. Calls are made
through the library, as the MCP server and the Python package make them; keys are typed by a program in C (keys.c), and what
Python and the commands add is told beside that.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import common
from conftest import Api, Pyro

ENVIRONMENT = "debian:12"
BARS = {"keystroke to echo": 2.0, "output of a shell": 0.7, "service start, beyond one interval": 1.5}
SERVER = "import socket; s = socket.create_server(('127.0.0.1', %d)); s.listen(5)\nwhile True: s.accept()[0].close()"
INTERVAL_MS = 20


class Bench:
    def __init__(self, home, place):
        logs = place / "logs"
        logs.mkdir()
        self.pyro, self.api = Pyro(home, logs), Api(home)
        assert self.pyro.run("env", "pull", ENVIRONMENT, timeout=900).returncode == 0
        self.id = self.api.call("workspace_create", environment=ENVIRONMENT)["workspace_id"]
        program = place / "session"
        subprocess.run(["musl-gcc", "-O2", "-static", "-o", program, common.ROOT / "bench" / "session.c"], check=True)
        self.pyro.run("workspace", "exec", self.id, "--", "sh", "-c", "cat >/tmp/session && chmod +x /tmp/session", input=program.read_bytes())
        self.home, self.keys = home, place / "keys"
        subprocess.run(["cc", "-O2", f"-I{common.ROOT / 'include'}", "-o", self.keys, common.ROOT / "bench" / "keys.c",
                        common.BUILD / "libpyro.so.2", f"-Wl,-rpath,{common.BUILD}"], check=True)  # fmt: skip

    def guest(self, *words):
        """Seconds, a list, of what the program in the guest measured."""
        result = self.api.call("workspace_exec", workspace_id=self.id, command=list(words), timeout_seconds=3600)
        assert result["exit_code"] == 0, result
        return [int(line) / 1e6 for line in result["stdout"].split()]

    def shell(self):
        shell = self.api.call("shell_open", workspace_id=self.id)["shell_id"]
        return {"workspace_id": self.id, "shell_id": shell}

    def close(self):
        self.api.call("workspace_delete", workspace_id=self.id)
        self.api.close()


def type_by_program(bench, rounds):
    shell = bench.shell()
    cursor = bench.api.call("shell_read", **shell, wait_for_idle_ms=2000)["next_cursor"]
    words = [bench.keys, bench.home, common.BUILD, *shell.values(), cursor, rounds]
    told = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True).stdout
    bench.api.call("shell_close", **shell)
    return [int(line) / 1e6 for line in told.split()]


def type_keys(bench, write, read, rounds):
    shell = bench.shell()
    cursor = bench.api.call("shell_read", **shell, wait_for_idle_ms=2000)["next_cursor"]
    seconds = []
    for _ in range(rounds):
        started = time.monotonic()
        write(shell, "x")
        part = read(shell, cursor)
        seconds.append(time.monotonic() - started)
        assert "x" in part["output"], part
        cursor = part["next_cursor"]
    bench.api.call("shell_close", **shell)
    return seconds


def echoing(bench, rounds):
    def write(shell, key):
        bench.api.call("shell_write", **shell, input=key, append_newline=False)

    def read(shell, cursor):
        return bench.api.call("shell_read", **shell, cursor=cursor, wait_ms=10000)

    def write_command(shell, key):
        bench.pyro.run("workspace", "shell", "write", *shell.values(), "--input", key, "--no-newline")

    def read_command(shell, cursor):
        return bench.pyro.json("workspace", "shell", "read", *shell.values(), "--cursor", str(cursor), "--wait-ms", "10000")

    ours, own, bare, python, commands = [], [], [], [], []
    for _ in range(rounds):
        ours += type_by_program(bench, 50)
        own += bench.guest("env", "TERM=xterm-256color", "/tmp/session", "echo", "50", "bash", "-l")
        bare += bench.guest("/tmp/session", "echo", "50", "cat")
        python += type_keys(bench, write, read, 50)
        commands += type_keys(bench, write_command, read_command, 10)
    return {"ours": common.summary(ours), "guest": common.summary(own), "guest_without_a_shell": common.summary(bare),
            "by_python": common.summary(python), "by_commands": common.summary(commands), "ratio": round(statistics.median(ours) / statistics.median(own), 2)}  # fmt: skip


def printing(bench, rounds, mib):
    bench.guest("sh", "-c", f"yes 'a line of a program that has much to tell' | head -c {mib}M >/tmp/much")
    ours, own = [], []
    for _ in range(rounds):
        shell = bench.shell()
        end = bench.api.call("shell_read", **shell, wait_for_idle_ms=1000)["end_cursor"]
        started = time.monotonic()
        bench.api.call("shell_write", **shell, input="cat /tmp/much; echo DO''NE")
        while True:
            part = bench.api.call("shell_read", **shell, cursor=end, wait_ms=1000, max_chars=100)
            tail = bench.api.call("shell_read", **shell, cursor=max(part["end_cursor"] - 50, 0), max_chars=100)
            end = tail["next_cursor"]
            if "DONE" in tail["output"]:
                break
        ours.append(time.monotonic() - started)
        bench.api.call("shell_close", **shell)
        own += bench.guest("/tmp/session", "drain", "cat", "/tmp/much")
    return {"mib": mib, "ours": common.summary(ours), "guest": common.summary(own),
            "ratio": round(statistics.median(own) / statistics.median(ours), 2)}  # fmt: skip


def starting(bench, rounds):
    ours, own = [], []
    for number in range(5 * rounds):
        port = 20000 + number
        started = time.monotonic()
        bench.api.call("service_start", workspace_id=bench.id, service_name="bench", command=["python3", "-c", SERVER % port],
                       readiness={"type": "tcp", "address": f"127.0.0.1:{port}"}, ready_interval_ms=INTERVAL_MS)  # fmt: skip
        ours.append(time.monotonic() - started)
        bench.api.call("service_stop", workspace_id=bench.id, service_name="bench")
        own += bench.guest("/tmp/session", "connect", str(port + 10000), str(INTERVAL_MS), "python3", "-c", SERVER % (port + 10000))
    beyond = statistics.median(ours) - INTERVAL_MS / 1000
    return {"ours": common.summary(ours), "guest": common.summary(own), "interval_ms": INTERVAL_MS,
            "ratio": round(beyond / statistics.median(own), 2)}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=3, help="rounds")
    parser.add_argument("--mib", type=int, default=50, help="that a shell prints")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pyro-bench-") as name:
        place = pathlib.Path(name)
        bench = Bench(pathlib.Path(os.environ.get("PYRO_BENCH_HOME", place / "home")), place)
        try:
            figures = {"keystroke to echo": echoing(bench, options.n), "output of a shell": printing(bench, options.n, options.mib),
                       "service start, beyond one interval": starting(bench, options.n)}  # fmt: skip
        finally:
            bench.close()
    for name, figure in figures.items():
        print(f"{name:48} {figure['ratio']:6.2f}   bar {BARS[name]}")
    common.write("session", {"host": common.host(ENVIRONMENT, 1024), "bars": BARS, **figures})


if __name__ == "__main__":
    main()
