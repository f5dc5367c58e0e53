#!/usr/bin/env python3
"""Measures how long a cold start takes, part by part, beside a bare QEMU in the same run.

    bench/run.py [-n ROUNDS]     writes bench/results/cold.json and prints a table

The floor is plain QEMU without jail, supervisor or store: the same kernel, kernel command line, initrd and
disk, until the agent's first frame. Rounds of both are interleaved, so that a noisy machine disturbs them alike. Trust the ratios.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "guest"))
from conftest import BASE, Api, Installation, Pyro  # noqa: E402

MEM_MIB = 1024


def kernel_words(pyro):
    """What pyro tells the kernel, so that the floor is told the same."""
    with pyro.popen("run", BASE, "--", "cat", stdin=subprocess.PIPE) as process:
        qemu = pathlib.Path(f"/proc/{pyro.process('qemu-system')}/cmdline")
        words = qemu.read_bytes().decode().split("\0")
        process.stdin.close()
        process.wait(60)
    return words[words.index("-append") + 1]


def floor(bundle, installation, words):
    """Seconds from starting QEMU to the agent's first frame."""
    with tempfile.TemporaryDirectory() as name:
        place = pathlib.Path(name)
        shutil.copy(bundle / "overlay.qcow2", place / "overlay.qcow2")
        (place / "rootfs.ext4").symlink_to(installation.directory / "rootfs.ext4")
        ours, theirs = socket.socketpair()
        command = [
            os.environ.get("PYRO_QEMU", "qemu-system-x86_64"), "-M", "microvm", "-accel",
            "tcg,thread=multi", "-cpu", "max", "-m", str(MEM_MIB), "-nodefaults",
            "-no-user-config", "-display", "none", "-serial", "null", "-no-reboot",
            "-kernel", installation.kernel, "-initrd", bundle / "initrd",
            "-append", words,
            "-drive", f"id=root,file={place}/overlay.qcow2,format=qcow2,if=none,cache=unsafe",
            "-device", "virtio-blk-device,drive=root", "-device", "virtio-serial-device",
            "-chardev", f"socket,id=agent,fd={theirs.fileno()}",
            "-device", "virtserialport,chardev=agent,name=pyro.agent",
        ]  # fmt: skip
        started = time.monotonic()
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        theirs.close()
        ours.settimeout(120)
        assert ours.recv(4) == b"PYRO"
        seconds = time.monotonic() - started
        process.kill()
        process.wait()
        return seconds


def whole(pyro):
    """One `pyro run -- echo`: (seconds to the first output, seconds in all)."""
    started = time.monotonic()
    with pyro.popen("run", BASE, "--", "echo", "up") as process:
        assert process.stdout.readline() == b"up\n"
        first = time.monotonic() - started
        assert process.wait(120) == 0
    return first, time.monotonic() - started


def summary(values):
    ordered = sorted(values)
    return {
        "median_ms": round(statistics.median(ordered) * 1000, 1),
        "p95_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))] * 1000, 1),
        "rounds": len(ordered),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=7, help="rounds (default 7)")
    rounds = parser.parse_args().n
    home = pathlib.Path(os.environ.get("PYRO_HOME") or tempfile.mkdtemp(prefix="pyro-bench-"))
    with tempfile.TemporaryDirectory() as logs:
        pyro = Pyro(home, logs)
        assert pyro.run("env", "pull", BASE, timeout=900).returncode == 0
        api = Api(home)
        installation = Installation(home)
        vm_id = api.call("vm_create", environment=BASE, mem_mib=MEM_MIB)["vm_id"]
        bundle = home / "vms" / vm_id
        figures = {"floor": [], "first_output": [], "whole": []}
        parts = {"boot_qemu_ms": [], "boot_kernel_ms": [], "boot_agent_ms": [], "boot_ms": []}
        words = kernel_words(pyro)  # and warms the host's page cache
        for _ in range(rounds):
            figures["floor"].append(floor(bundle, installation, words))
            first, all_of_it = whole(pyro)
            figures["first_output"].append(first)
            figures["whole"].append(all_of_it)
            result = pyro.run_json("true")
            for part, values in parts.items():
                values.append(result[part] / 1000)
        api.call("vm_delete", vm_id=vm_id)
        api.close()
    result = {name: summary(values) for name, values in {**figures, **parts}.items()}
    result["whole_to_floor"] = round(
        statistics.median(figures["whole"]) / statistics.median(figures["floor"]), 3
    )
    result["host"] = {
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "qemu": subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True)
        .stdout.splitlines()[0],
        "environment": BASE,
        "mem_mib": MEM_MIB,
    }  # fmt: skip
    path = ROOT / "bench" / "results" / "cold.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    for name, value in result.items():
        if isinstance(value, dict) and "median_ms" in value:
            print(f"{name:16} median {value['median_ms']:8.1f} ms   p95 {value['p95_ms']:8.1f} ms")
    print(f"whole command to floor: {result['whole_to_floor']}")
    if "PYRO_HOME" not in os.environ:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
