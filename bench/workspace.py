#!/usr/bin/env python3
"""Measures workspaces: creating, running commands, seeding and diffing, each against what it could cost at least.

    bench/workspace.py [-n ROUNDS] [--files N] [--mib N]     writes bench/results/workspace.json and prints a table

Every figure is a ratio of two things done in the same run, in turns where they are short: trust the ratios.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

import common
from conftest import Pyro

ENVIRONMENT = "debian:12"
BARS = {
    "create against run": 1.2, "exec true against fork and exec in the guest": 1.5,
    "eight execs against eight processes": 0.8, "seeding large files against the channel": 0.8,
    "seeding a tree against tar in the guest": 2.0, "diff of that tree against git status": 1.0,
}  # fmt: skip


class Bench:
    def __init__(self, home, place):
        logs = place / "logs"
        logs.mkdir()
        self.pyro, self.place = Pyro(home, logs), place
        assert self.pyro.run("env", "pull", ENVIRONMENT, timeout=900).returncode == 0
        self.made = []

    def call(self, *words, **keywords):
        """Seconds and stdout of a command that must succeed."""
        started = time.monotonic()
        done = subprocess.run([self.pyro.program, *map(str, words)], env=self.pyro.env, check=True,
                              stdout=subprocess.PIPE, **{"stdin": subprocess.DEVNULL, **keywords})  # fmt: skip
        return time.monotonic() - started, done.stdout

    def create(self, *flags):
        """Seconds, the id, and how long the copy of the memory file took by itself."""
        seconds, out = self.call("workspace", "create", ENVIRONMENT, *flags, "--json")
        identity = json.loads(out)["workspace_id"]
        self.made.append(identity)
        return seconds, identity

    def exec(self, identity, *command, **keywords):
        return self.call("workspace", "exec", identity, "--timeout-seconds", 3600, "--", *command, **keywords)

    def delete(self, identity):
        self.made.remove(identity)
        self.call("workspace", "delete", identity)

    def copy_of_memory(self):
        """Seconds that a sparse copy of the template's memory takes here and now."""
        entry = next(t for t in self.pyro.json("env", "inspect", ENVIRONMENT)["templates"]
                     if t["usable"] and not t["network"] and (t["vcpu_count"], t["mem_mib"]) == (1, 1024))  # fmt: skip
        ram, copy = self.pyro.home / "templates" / entry["name"] / "ram", self.place / "ram"
        started = time.monotonic()
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", ram, copy], check=True)
        seconds = time.monotonic() - started
        copy.unlink()
        return seconds


def creating(bench, rounds):
    created, ran, copied = [], [], []
    for _ in range(rounds):
        seconds, identity = bench.create()
        created.append(seconds)
        bench.delete(identity)
        ran.append(bench.call("run", ENVIRONMENT, "--", "true")[0])
        copied.append(bench.copy_of_memory())
    beyond = statistics.median(created) - statistics.median(copied)
    return {"create": common.summary(created), "run": common.summary(ran), "copy": common.summary(copied),
            "ratio": round(beyond / statistics.median(ran), 2)}  # fmt: skip


def executing(bench, identity, rounds):
    """The same program starts `pyro` on the host and `true` in the guest."""
    ours, guests = bench.place / "spawn", bench.place / "spawn-guest"
    for compiler, flags, program in (("cc", [], ours), ("musl-gcc", ["-static"], guests)):
        subprocess.run([compiler, "-O2", *flags, "-o", program, common.ROOT / "bench" / "spawn.c"], check=True)
    bench.exec(identity, "sh", "-c", "cat >/tmp/spawn && chmod +x /tmp/spawn", stdin=open(guests, "rb"))
    command = [ours, "1", bench.pyro.program, "workspace", "exec", identity, "--", "true"]
    whole, own = [], []
    for _ in range(10 * rounds):
        out = subprocess.run(command, env=bench.pyro.env, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
        whole.append(int(out) / 1e6)
        own.append(int(bench.exec(identity, "/tmp/spawn", "2", "/usr/bin/true")[1].split()[1]) / 1e6)
    return {"exec": common.summary(whole), "guest": common.summary(own),
            "ratio": round(statistics.median(whole) / statistics.median(own), 2)}  # fmt: skip


WORK = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"


def eight(bench, identity, rounds):
    ours, theirs = [], []
    for _ in range(rounds):
        started = time.monotonic()
        processes = [subprocess.Popen([bench.pyro.program, "workspace", "exec", identity, "--", "sh", "-c", WORK],
                                      env=bench.pyro.env, stdin=subprocess.DEVNULL) for _ in range(8)]  # fmt: skip
        assert all(process.wait() == 0 for process in processes)
        ours.append(time.monotonic() - started)
        shell = f"for n in 1 2 3 4 5 6 7 8; do sh -c '{WORK}' & done; wait"
        theirs.append(bench.exec(identity, "sh", "-c", shell)[0])
    return {"execs": common.summary(ours), "shell": common.summary(theirs),
            "ratio": round(statistics.median(theirs) / statistics.median(ours), 2)}  # fmt: skip


def large_files(bench, mib):
    seed = bench.place / "large"
    seed.mkdir()
    block = os.urandom(1 << 20)
    for number in range(4):
        with open(seed / f"file{number}", "wb") as file:
            for _ in range(mib // 4):
                file.write(block)
    empty, identity = bench.create()
    zeros = bench.place / "zeros"
    with open(zeros, "wb") as file:
        for _ in range(mib):
            file.write(bytes(1 << 20))
    channel, _ = bench.exec(identity, "sh", "-c", "cat >/dev/null", stdin=open(zeros, "rb"))
    bench.delete(identity)
    seeded, identity = bench.create("--seed-path", seed)
    bench.delete(identity)
    zeros.unlink()
    shutil.rmtree(seed)
    return {"mib": mib, "seed_s": round(seeded - empty, 2), "channel_s": round(channel, 2),
            "ratio": round(channel / (seeded - empty), 2)}  # fmt: skip


def make_tree(root, files):
    """Like a kernel's sources: a few directories deep, files of some kilobytes."""
    text = b"static int value; /* a line of source */\n"
    for number in range(files):
        directory = root / f"d{number % 40}" / f"e{number // 40 % 40}"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"f{number}.c").write_bytes(text * (1 + number * 7919 % 400 // 2))


def tree(bench, files):
    seed = bench.place / "tree"
    seed.mkdir()
    make_tree(seed, files)
    empty, identity = bench.create()
    bench.delete(identity)
    seeded, identity = bench.create("--seed-path", seed)
    copying = "t0=$(date +%s%N); mkdir /root/copy; tar c . | tar x -C /root/copy; t1=$(date +%s%N); echo $((t1 - t0)); rm -rf /root/copy"
    tarred = int(bench.exec(identity, "sh", "-c", copying)[1]) / 1e9
    bench.exec(identity, "sh", "-c", "for n in 0 1 2 3 4 5 6 7 8 9; do echo changed >> d$n/e0/f$n.c; done")
    setting_up = "export GIT_DIR=/root/git GIT_WORK_TREE=/workspace; git init -q; git add -A; git status -s >/dev/null"
    looking = "export GIT_DIR=/root/git GIT_WORK_TREE=/workspace; t0=$(date +%s%N); git status -s >/dev/null; t1=$(date +%s%N); echo $((t1 - t0))"
    bench.exec(identity, "sh", "-c", setting_up)
    diffs, statuses = [], []
    for _ in range(5):
        seconds, out = bench.call("workspace", "diff", identity, "--json")
        assert json.loads(out)["summary"]["total"] == 10
        diffs.append(seconds)
        statuses.append(int(bench.exec(identity, "sh", "-c", looking)[1]) / 1e9)
    bench.delete(identity)
    shutil.rmtree(seed)
    diff, status = statistics.median(diffs), statistics.median(statuses)
    return (
        {"files": files, "seed_s": round(seeded - empty, 2), "tar_s": round(tarred, 2), "ratio": round((seeded - empty) / tarred, 2)},
        {"files": files, "diff_s": round(diff, 2), "git_status_s": round(status, 2), "ratio": round(diff / status, 2)},
    )


def measure(bench, options):
    result = {"create against run": creating(bench, options.n)}
    _, identity = bench.create()
    result["exec true against fork and exec in the guest"] = executing(bench, identity, options.n)
    result["eight execs against eight processes"] = eight(bench, identity, max(3, options.n // 3))
    bench.delete(identity)
    result["seeding large files against the channel"] = large_files(bench, options.mib)
    names = ("seeding a tree against tar in the guest", "diff of that tree against git status")
    result.update(zip(names, tree(bench, options.files)))
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=10, help="rounds of what is short")
    parser.add_argument("--files", type=int, default=60000, help="of the tree")
    parser.add_argument("--mib", type=int, default=1024, help="of the four large files together")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pyro-bench-") as name:
        place = pathlib.Path(name)
        home = pathlib.Path(os.environ.get("PYRO_BENCH_HOME", place / "home"))
        bench = Bench(home, place)
        try:
            figures = measure(bench, options)
        finally:
            for identity in list(bench.made):
                bench.delete(identity)
    for name, figure in figures.items():
        print(f"{name:48} {figure['ratio']:6.2f}   bar {BARS[name]}")
    common.write("workspace", {"host": common.host(ENVIRONMENT, 1024), "bars": BARS, **figures})


if __name__ == "__main__":
    main()
