#!/usr/bin/env python3
"""Measures the Python package: what importing it costs, run_in_vm() against the command, and how soon Ctrl-C is heard.

    bench/python.py [-n ROUNDS] [--installed]     writes bench/results/python.json and prints a table

The package is installed into a fresh environment; with --installed, this interpreter has it already. Both of a pair are
measured in turns, in the same run.
"""

import argparse
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import common

ENVIRONMENT = "debian:12"
BARS = {"import, milliseconds": 30.0, "run_in_vm against pyro run": 1.1, "Ctrl-C, milliseconds": 200.0}
IMPORT = "from pyro_mcp import Pyro; Pyro()"
INTERRUPTED = f"""
import time
from pyro_mcp import Pyro
try:
    Pyro().run_in_vm("{ENVIRONMENT}", command="echo x; sleep 100", on_output=lambda *_: print("now", flush=True))
except KeyboardInterrupt:
    print(time.monotonic(), flush=True)
"""


def seconds(words):
    started = time.monotonic()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


def seconds_of_an_interrupt():
    with subprocess.Popen([sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        return float(process.stdout.read()) - sent


def in_turns(rounds, *measured):
    """What each took, round by round; each is first as often as not, and the first round counts for none."""
    taken = {measure: [] for measure in measured}
    for number in range(rounds + 1):
        for measure in measured if number % 2 else reversed(measured):
            taken[measure].append(measure())
    return [taken[measure][1:] for measure in measured]


def measure(rounds):
    import pyro_mcp

    pyro = pyro_mcp.Pyro()
    pyro.pull_environment(ENVIRONMENT)
    program = pathlib.Path(pyro_mcp.__file__).parent / "libexec" / "pyro"
    command = [program, "run", ENVIRONMENT, "--", "true"]

    def call():
        started = time.monotonic()
        assert pyro.run_in_vm(ENVIRONMENT, command=["true"])["exit_code"] == 0
        return time.monotonic() - started

    bare, imported = in_turns(
        10 * rounds, lambda: seconds([sys.executable, "-c", "pass"]), lambda: seconds([sys.executable, "-c", IMPORT])
    )
    typed, called = in_turns(rounds, lambda: seconds(command), call)
    (interrupted,) = in_turns(rounds, seconds_of_an_interrupt)
    return {"bare": bare, "import": imported, "pyro run": typed, "run_in_vm": called, "Ctrl-C": interrupted}


def show(taken):
    result = {"host": common.host(ENVIRONMENT, 1024), **{name: common.summary(part) for name, part in taken.items()}}
    median = {name: common.percentile(part, 0.5) for name, part in taken.items()}
    result["ratios"] = {
        "import, milliseconds": (median["import"] - median["bare"]) * 1000,
        "run_in_vm against pyro run": median["run_in_vm"] / median["pyro run"],
        "Ctrl-C, milliseconds": median["Ctrl-C"] * 1000,
    }
    for name, value in result["ratios"].items():
        print(f"{name:32} {value:8.2f}   at most {BARS[name]}")
    common.write("python", result)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=20, help="rounds")
    parser.add_argument("--installed", action="store_true")
    options = parser.parse_args()
    if options.installed:
        show(measure(options.n))
        return
    with tempfile.TemporaryDirectory(prefix="pyro-bench-") as place:
        interpreter = pathlib.Path(place) / "bin" / "python"
        subprocess.run(["/usr/bin/python3", "-m", "venv", place], check=True)
        subprocess.run([interpreter, "-m", "pip", "install", "-q", common.ROOT], check=True)
        words = [interpreter, __file__, "--installed", "-n", str(options.n)]
        subprocess.run(words, check=True, env=dict(os.environ, PYTHONPATH=str(common.ROOT / "bench")))


if __name__ == "__main__":
    main()
