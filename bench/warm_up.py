#!/usr/bin/env python3
"""Measures what the warm-up of templates brings, and what it costs on disk.

    bench/warm_up.py [-n ROUNDS]     writes bench/results/warm_up.json and prints a table

Each environment has two templates: one that has run the environment's warm-up, one that was frozen as soon as it had booted. The same
commands are run as first commands of fresh clones of both, in turns.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

import common
from conftest import Pyro

MEM_MIB = 1024
SHELL = {"true": ["true"], "shell": ["sh", "-c", "ls /etc | wc -l"]}
TOOLS = {
    **SHELL,
    "git": ["git", "--version"],
    "git commit": ["sh", "-c", "cd /tmp && git init -q r && cd r && echo a >a && git add a && "
                   "git -c user.name=a -c user.email=a commit -q -m a && git status"],
    "python": ["python3", "-c", "import json, subprocess, re; print(json.dumps(1))"],
}  # fmt: skip
COMPILER = {
    "compile": ["sh", "-c", "cd /tmp && echo 'int main(void) { return 0; }' >m.c && gcc -o m m.c && ./m"],
    "make": ["sh", "-c", "printf 'all:\\n\\ttrue\\n' | make -f -"],
}
COMMANDS = {"debian:12-base": SHELL, "debian:12": TOOLS, "debian:12-build": {**TOOLS, **COMPILER}}


def run(pyro, env, environment, words):
    """Seconds. Without a time limit, because Python then looks for the end every 50 ms only; pyro has its own."""
    started = time.monotonic()
    subprocess.run([pyro.program, "run", environment, "--", *words], env=env, check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # fmt: skip
    return time.monotonic() - started


def measure(pyro, environment, rounds):
    kinds = {"warmed": pyro.env, "plain": dict(pyro.env, PYRO_WARM_UP="off")}
    size = {}
    for kind, env in kinds.items():
        assert pyro.run("env", "pull", environment, env=env, timeout=900).returncode == 0
        templates = pyro.json("env", "inspect", environment, env=env)["templates"]
        size[kind] = next(t["ram_bytes"] for t in templates if t["usable"])
    result = {"ram_bytes": size, "commands": {}}
    for name, words in COMMANDS[environment].items():
        times = {kind: [] for kind in kinds}
        for _ in range(rounds):
            for kind, env in kinds.items():
                times[kind].append(run(pyro, env, environment, words))
        medians = {kind: round(statistics.median(values) * 1000, 1) for kind, values in times.items()}
        result["commands"][name] = {**medians, "ratio": round(medians["warmed"] / medians["plain"], 2)}
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=5, help="rounds (default 5)")
    rounds = parser.parse_args().n
    home = pathlib.Path(os.environ.get("PYRO_HOME") or tempfile.mkdtemp(prefix="pyro-bench-"))
    with tempfile.TemporaryDirectory() as logs:
        pyro = Pyro(home, logs)
        result = {name: measure(pyro, name, rounds) for name in COMMANDS}
    common.write("warm_up", {**result, "host": common.host(", ".join(COMMANDS), MEM_MIB)})
    for name, one in result.items():
        sizes = ", ".join(f"{kind} {size >> 20} MiB" for kind, size in one["ram_bytes"].items())
        print(f"{name}: {sizes}")
        for command, figures in one["commands"].items():
            print(f"  {command:12} plain {figures['plain']:8.1f} ms   warmed {figures['warmed']:8.1f} ms   "
                  f"ratio {figures['ratio']}")  # fmt: skip
    if "PYRO_HOME" not in os.environ:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
