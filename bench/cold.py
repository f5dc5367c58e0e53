#!/usr/bin/env python3
"""Measures how long a cold start takes, part by part, beside a bare QEMU in the same run.

    bench/cold.py [-n ROUNDS]     writes bench/results/cold.json and prints a table

The floor is plain QEMU without jail, supervisor or store: the same kernel, kernel command line, initrd and
disk, until the agent's first frame. Rounds of both are interleaved, so that a noisy machine disturbs them alike. Trust the ratios.
"""

import argparse
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

import common
from bare_guest import newc
from conftest import BASE, Installation, Pyro

MEM_MIB = 1024


def kernel_words(pyro):
    """What pyro tells the kernel, so that the floor is told the same."""
    with pyro.popen("run", BASE, "--", "cat", stdin=subprocess.PIPE) as process:
        qemu = pathlib.Path(f"/proc/{pyro.process('qemu-system')}/cmdline")
        words = qemu.read_bytes().decode().split("\0")
        process.stdin.close()
        process.wait(60)
    return words[words.index("-append") + 1]


def write_initrd(installation, path):
    """As pyro writes it for each boot."""
    agent = pathlib.Path(installation.agent).read_bytes()
    modules = (installation.directory / "modules.cpio").read_bytes()
    path.write_bytes(modules + newc("init", 0o100755, agent) + newc("TRAILER!!!", 0, b""))


def floor(installation, words):
    """Seconds from starting QEMU to the agent's first frame."""
    with tempfile.TemporaryDirectory() as name:
        place = pathlib.Path(name)
        shutil.copy(installation.directory / "overlay.qcow2", place / "overlay.qcow2")
        write_initrd(installation, place / "initrd")
        (place / "rootfs.ext4").symlink_to(installation.directory / "rootfs.ext4")
        ours, theirs = socket.socketpair()
        command = [
            os.environ.get("PYRO_QEMU", "qemu-system-x86_64"), "-M", "microvm", "-accel",
            "tcg,thread=multi", "-cpu", "max,-erms", "-m", str(MEM_MIB), "-nodefaults",
            "-no-user-config", "-display", "none", "-serial", "null", "-no-reboot",
            "-kernel", installation.kernel, "-initrd", place / "initrd",
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=7, help="rounds (default 7)")
    rounds = parser.parse_args().n
    home = pathlib.Path(os.environ.get("PYRO_HOME") or tempfile.mkdtemp(prefix="pyro-bench-"))
    with tempfile.TemporaryDirectory() as logs:
        pyro = Pyro(home, logs)
        pyro.env["PYRO_TEMPLATES"] = "off"
        assert pyro.run("env", "pull", BASE, timeout=900).returncode == 0
        installation = Installation(home)
        figures = {"floor": [], "first_output": [], "whole": []}
        parts = {"boot_qemu_ms": [], "boot_kernel_ms": [], "boot_agent_ms": [], "boot_ms": []}
        words = kernel_words(pyro)  # and warms the host's page cache
        for _ in range(rounds):
            figures["floor"].append(floor(installation, words))
            first, all_of_it = whole(pyro)
            figures["first_output"].append(first)
            figures["whole"].append(all_of_it)
            result = pyro.run_json("true")
            for part, values in parts.items():
                values.append(result[part] / 1000)
    result = {name: common.summary(values) for name, values in {**figures, **parts}.items()}
    result["whole_to_floor"] = round(
        statistics.median(figures["whole"]) / statistics.median(figures["floor"]), 3
    )
    result["host"] = common.host(BASE, MEM_MIB)
    common.write("cold", result)
    for name, value in result.items():
        if isinstance(value, dict) and "median_ms" in value:
            print(f"{name:16} median {value['median_ms']:8.1f} ms   p95 {value['p95_ms']:8.1f} ms")
    print(f"whole command to floor: {result['whole_to_floor']}")
    if "PYRO_HOME" not in os.environ:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
