"""What the benchmarks share: the programs, percentiles, what host it was, where results go."""

import json
import math
import os
import pathlib
import platform
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"
BUILD = pathlib.Path(os.environ.get("PYRO_TEST_BUILD", ROOT / "build"))
sys.path.insert(0, str(ROOT / "tests" / "guest"))


def percentile(values, part):
    """By nearest rank, as the public sandbox benchmarks do it."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def summary(seconds):
    """Milliseconds of a list of seconds."""
    return {
        "median_ms": round(statistics.median(seconds) * 1000, 2),
        "p95_ms": round(percentile(seconds, 0.95) * 1000, 2),
        "p99_ms": round(percentile(seconds, 0.99) * 1000, 2),
        "rounds": len(seconds),
    }


def host(environment, mem_mib):
    version = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True)
    return {
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "qemu": version.stdout.splitlines()[0],
        "environment": environment,
        "mem_mib": mem_mib,
    }


def write(name, result):
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
