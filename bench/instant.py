#!/usr/bin/env python3
"""Measures what a start from a template costs: against a cold start, and against the floor.

    bench/instant.py [-n ROUNDS] [--burst N]     writes bench/results/instant.json and instant.svg, prints a table

The floor is bench/floor.c: the same QEMU in the same jail restores the same template, gives it an identity and runs the same command
through the agent; no supervisor, no store, no client. Rounds are interleaved, so that a noisy machine disturbs all alike: trust the ratios.
"""

import argparse
import hashlib
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

import chart
import common
import frames
from conftest import Api, Pyro

ENVIRONMENT = "debian:12"
MEM_MIB = 1024
FLOOR = common.BUILD / "bench-floor"
IDLE_GUESTS = 6
IDLE_SECONDS = 20


def timed(words, env):
    started = time.monotonic()
    subprocess.run(words, env=env, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=120)
    return time.monotonic() - started


class Bench:
    def __init__(self, home, logs):
        self.pyro, self.home = Pyro(home, logs), home
        assert self.pyro.run("env", "pull", ENVIRONMENT, timeout=900).returncode == 0
        shown = self.pyro.json("env", "inspect", ENVIRONMENT)["templates"]
        self.template_facts = next(t for t in shown if t["usable"] and not t["network"]
                                   and (t["vcpu_count"], t["mem_mib"]) == (1, MEM_MIB))  # fmt: skip
        self.template = home / "templates" / self.template_facts["name"]
        self.api = Api(home)
        # Its config.json says how QEMU is started here; it is never started itself.
        self.described = self.new_vm()
        self.run_words = [self.pyro.program, "run", ENVIRONMENT, "--", "true"]
        self.floor_words = [FLOOR, home / "vms" / self.described, self.template, "--", "true"]

    def new_vm(self):
        return self.api.call("vm_create", environment=ENVIRONMENT, mem_mib=MEM_MIB, ttl_seconds=3600)["vm_id"]

    def hash(self):
        digest = hashlib.sha256()
        for name in ("ram", "state", "overlay.qcow2", "initrd"):
            with open(self.template / name, "rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def close(self):
        self.api.call("vm_delete", vm_id=self.described)
        self.api.close()


def whole_commands(bench, rounds):
    """{kind: seconds of each}: cold, restored, floor; and the floor's own steps."""
    figures = {"cold": [], "restored": [], "floor": []}
    steps = []
    cold = dict(bench.pyro.env, PYRO_TEMPLATES="off")
    for number in range(rounds):
        if number % 4 == 0:
            figures["cold"].append(timed(bench.run_words, cold))
        figures["restored"].append(timed(bench.run_words, bench.pyro.env))
        started = time.monotonic()
        out = subprocess.run(bench.floor_words, check=True, stdout=subprocess.PIPE, text=True, timeout=120).stdout
        figures["floor"].append(time.monotonic() - started)
        steps.append([float(word) for word in out.split()])
    names = ("qemu_up_ms", "loaded_ms", "identity_ms", "over_ms")
    return figures, {name: round(statistics.median(column), 2) for name, column in zip(names, zip(*steps))}


class Guest:
    """A restored guest and its supervisor's socket."""

    def __init__(self, bench):
        self.api, self.vm_id = bench.api, bench.new_vm()
        self.record = self.api.call("vm_start", vm_id=self.vm_id)
        assert self.record["boot_kind"] == "restored", self.record
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(bench.home / "vms" / self.vm_id / "socket"))
        self.decoder, self.stream = frames.Decoder(), 0

    def run(self, *words):
        """Seconds from sending EXEC to the first byte of EXITED, stdout, and seconds as the guest has them."""
        self.stream += 1
        out = b""
        started = time.monotonic()
        self.socket.sendall(frames.execute(self.stream, words))
        while True:
            data = self.socket.recv(1 << 16)
            arrived = time.monotonic()
            for kind, stream, channel, payload in self.decoder.feed(data):
                if kind == frames.DATA and channel == frames.STDOUT:
                    out += payload
                elif kind == frames.EXITED and stream == self.stream:
                    return arrived - started, out, frames.parse_exited(payload)[2] / 1e6

    def put_program(self, path, program):
        """Writes a program into the guest by its stdin."""
        self.stream += 1
        script = f"cat >{path} && chmod 755 {path}"
        self.socket.sendall(frames.execute(self.stream, ["sh", "-c", script], stdin=True))
        for start in range(0, len(program), 32768):
            self.socket.sendall(frames.frame(frames.DATA, self.stream, frames.STDIN, program[start:start + 32768]))
        self.socket.sendall(frames.frame(frames.DATA, self.stream, frames.STDIN))
        while True:
            for kind, stream, _, _ in self.decoder.feed(self.socket.recv(1 << 16)):
                if kind == frames.EXITED and stream == self.stream:
                    return

    def close(self):
        self.socket.close()
        self.api.call("vm_delete", vm_id=self.vm_id)


def first_command(bench, rounds, program):
    """`true` in fresh guests, from EXEC to EXITED as seen from here, as the first command and as a later one. Beside it what the guest
    itself needs: for the first, the agent's own measure of it, because any other program would have been the first command; for later
    ones, a static program there that forks, executes and waits."""
    figures = {"first": [], "first_in_guest": [], "later": [], "guest_loop": []}
    for _ in range(rounds):
        guest = Guest(bench)
        seconds, _, in_guest = guest.run("true")
        figures["first"].append(seconds)
        figures["first_in_guest"].append(in_guest)
        guest.run("true")
        figures["later"] += [guest.run("true")[0] for _ in range(5)]
        guest.put_program("/dev/shm/spawn", program)
        figures["guest_loop"] += [float(line) / 1e6 for line in guest.run("/dev/shm/spawn", "8", "/usr/bin/true")[1].split()][3:]
        guest.close()
    return figures


def burst(words, env, count):
    """Starts `count` at once; seconds until all are over."""
    started = time.monotonic()
    for process in [subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) for _ in range(count)]:
        assert process.wait(300) == 0
    return time.monotonic() - started


def burst_latencies(words, env, count):
    """Like burst(), with each one's own time to its end."""
    script = 'import subprocess,sys,time; t=time.monotonic(); r=subprocess.call(sys.argv[1:]); print(time.monotonic()-t); sys.exit(r)'
    started = [subprocess.Popen(["python3", "-S", "-c", script, *words], env=env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, text=True) for _ in range(count)]  # fmt: skip
    return [float(process.communicate(timeout=300)[0]) for process in started]


def tree(pid):
    """A process and all below it."""
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += tree(int(child))
    return found


def private_kib(pids):
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(("Private_Clean:", "Private_Dirty:")):
                total += int(line.split()[1])
    return total


def cpu_seconds(pids):
    ticks = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def supervisor_of(vm_id):
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            words = (entry / "cmdline").read_bytes().split(b"\0") if (entry / "cmdline").exists() else []
            if len(words) > 2 and words[0].endswith(b"pyro-supervisor") and words[2] == vm_id.encode():
                return int(entry.name)
    raise LookupError(vm_id)


def idle(bench):
    """Private memory of an idle guest after one command, and its CPU: pyro's guests beside the floor's, at the same time."""
    guests = [Guest(bench) for _ in range(IDLE_GUESTS)]
    for guest in guests:
        guest.run("true")
    words = [*bench.floor_words[:3], "hold", "--", "true"]
    floors = [subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(IDLE_GUESTS)]
    for process in floors:
        process.stdout.readline()
    ours = [tree(supervisor_of(guest.vm_id)) for guest in guests]
    theirs = [tree(process.pid)[1:] for process in floors]  # without the floor's own driver
    time.sleep(5)  # what the first command has left behind settles
    before = [cpu_seconds(sum(ours, [])), cpu_seconds(sum(theirs, []))]
    time.sleep(IDLE_SECONDS)
    after = [cpu_seconds(sum(ours, [])), cpu_seconds(sum(theirs, []))]
    result = {
        "private_mib": round(statistics.median(map(private_kib, ours)) / 1024, 2),
        "floor_private_mib": round(statistics.median(map(private_kib, theirs)) / 1024, 2),
        "cpu_percent": round((after[0] - before[0]) / IDLE_SECONDS / IDLE_GUESTS * 100, 2),
        "floor_cpu_percent": round((after[1] - before[1]) / IDLE_SECONDS / IDLE_GUESTS * 100, 2),
    }
    for process in floors:
        process.stdin.close()
        process.wait()
    for guest in guests:
        guest.close()
    return result


def build_program(place):
    """Static, because the guest has no place for what the host was linked with."""
    path = place / "spawn"
    subprocess.run(["musl-gcc", "-O2", "-static", "-s", "-o", path, common.ROOT / "bench" / "spawn.c"], check=True)
    return path.read_bytes()


def ratio(above, below):
    return round(statistics.median(above) / statistics.median(below), 3)


def measure(bench, rounds, count, program):
    before = bench.hash()
    timed(bench.run_words, bench.pyro.env)  # warms the host's page cache
    figures, steps = whole_commands(bench, rounds)
    commands = first_command(bench, max(3, rounds // 4), program)
    bursts = {"pyro": [], "floor": []}
    for _ in range(3):
        bursts["pyro"].append(burst(bench.run_words, bench.pyro.env, count))
        bursts["floor"].append(burst(bench.floor_words, bench.pyro.env, count))
    latencies = burst_latencies([str(word) for word in bench.run_words], bench.pyro.env, count)
    still = idle(bench)
    return {
        "restored_to_cold": ratio(figures["restored"], figures["cold"]),
        "restored_to_floor": ratio(figures["restored"], figures["floor"]),
        "first_true_to_guests_own": ratio(commands["first"], commands["first_in_guest"]),
        "later_true_to_guests_loop": ratio(commands["later"], commands["guest_loop"]),
        "burst_throughput_to_floor": ratio(bursts["floor"], bursts["pyro"]),
        "private_mib_beyond_floor": round(still["private_mib"] - still["floor_private_mib"], 2),
        "template_unchanged": before == bench.hash(),
        "whole_command": {name: common.summary(values) for name, values in figures.items()},
        "floor_steps": steps,
        "true": {name: common.summary(values) for name, values in commands.items()},
        "burst": {"count": count, **{name: common.summary(values) for name, values in bursts.items()}},
        "time_to_interactive": {"sequential": common.summary(figures["restored"]), "burst": common.summary(latencies)},
        "idle": still,
        "template": {name: bench.template_facts[name] for name in ("ram_bytes", "disk_usage_bytes", "making_ms")},
        "host": common.host(ENVIRONMENT, MEM_MIB),
    }


BARS = (
    ("restored_to_cold", "whole `pyro run -- true`, restored against cold", "at most 0.09"),
    ("restored_to_floor", "the same against the floor", "at most 1.25"),
    ("first_true_to_guests_own", "first `true`, agent ready to exit, against the guest's own time", "at most 1.3"),
    ("later_true_to_guests_loop", "later `true` against a loop of fork and exec in the guest", "no bar"),
    ("burst_throughput_to_floor", "throughput of a burst against the floor's", "at least 0.85"),
    ("private_mib_beyond_floor", "private memory of an idle guest beyond the floor's, MiB", "at most 4"),
    ("template_unchanged", "the template's hash before and after", "equal"),
)


def show(result):
    for key, text, bar in BARS:
        print(f"{text:64} {result[key]!s:>8}   {bar}")
    still = result["idle"]
    print(f"{'CPU of an idle guest, percent of a core':64} {still['cpu_percent']:>8}   at most {still['floor_cpu_percent']}")
    for name, one in result["time_to_interactive"].items():
        print(f"time to interactive, {name:12} median {one['median_ms']:8.1f} ms  p95 {one['p95_ms']:8.1f} ms  "
              f"p99 {one['p99_ms']:8.1f} ms")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=24, help="rounds (default 24)")
    parser.add_argument("--burst", type=int, default=30, help="starts in a burst (default 30)")
    options = parser.parse_args()
    home = pathlib.Path(os.environ.get("PYRO_HOME") or tempfile.mkdtemp(prefix="pyro-bench-"))
    with tempfile.TemporaryDirectory() as logs:
        bench = Bench(home, logs)
        result = measure(bench, options.n, options.burst, build_program(pathlib.Path(logs)))
        bench.close()
    common.write("instant", result)
    chart.write("instant", result)
    show(result)
    if "PYRO_HOME" not in os.environ:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
