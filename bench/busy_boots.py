#!/usr/bin/env python3
"""Cold boots on a host whose cores are all busy: how many hang, how long they take.

    bench/busy_boots.py [-n BOOTS]     writes bench/results/busy_boots.json

Under emulation a kernel that has to calibrate its clock by itself hangs in more than half of such boots; pyro tells it
the frequency. A boot that hung shows as boot_attempts 2 (it was tried again) or as an error.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import common
from conftest import BASE, Pyro


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=100, help="boots (default 100)")
    boots = parser.parse_args().n
    home = pathlib.Path(os.environ.get("PYRO_HOME") or tempfile.mkdtemp(prefix="pyro-bench-"))
    with tempfile.TemporaryDirectory() as logs:
        pyro = Pyro(home, logs)
        pyro.env["PYRO_TEMPLATES"] = "off"
        assert pyro.run("env", "pull", BASE, timeout=900).returncode == 0
        busy = [
            subprocess.Popen([sys.executable, "-c", "while True: pass"])
            for _ in range(os.cpu_count())
        ]
        times, retried, failed = [], 0, 0
        try:
            for _ in range(boots):
                started = time.monotonic()
                result = pyro.run_json("true")
                times.append(time.monotonic() - started)
                failed += "exit_code" not in result
                retried += result.get("boot_attempts", 1) > 1
        finally:
            for process in busy:
                process.kill()
                process.wait()
    result = {
        "boots": boots, "hung": retried + failed, "retried": retried, "failed": failed,
        "whole": common.summary(times), "busy_cores": os.cpu_count(),
    }  # fmt: skip
    common.write("busy_boots", result)
    print(f"{boots} boots on {os.cpu_count()} busy cores: {retried + failed} hung; "
          f"median {result['whole']['median_ms']:.0f} ms, p95 {result['whole']['p95_ms']:.0f} ms")  # fmt: skip
    if "PYRO_HOME" not in os.environ:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
