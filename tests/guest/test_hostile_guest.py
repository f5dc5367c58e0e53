"""A fake QEMU plays hostile guests: the supervisor stays small, the caller hears a clear error, nothing is left.

What the fake does is a script of steps (hostile_guest.c) that is appended to its program.
"""

import os
import pathlib
import shutil
import struct
import subprocess
import threading
import time

import pytest

import frames as wire
from conftest import BASE, COLD, wait_until

AGENT, MONITOR, CONSOLE, LOG = range(4)
SMALL_KIB = 40 * 1024


def step(letter, channel=AGENT, count=1, data=b""):
    return letter.encode() + struct.pack("<BII", channel, count, len(data)) + data


def send(data, channel=AGENT, count=1):
    return step("s", channel, count, data)


def flood(data, channel=AGENT):
    return send(data, channel, 0)


def wait_for(kind):
    return step("w", count=kind)


def close(channel):
    return step("c", channel)


def frame(kind, stream=0, channel=0, payload=b"", **keywords):
    return send(wire.frame(kind, stream, channel, payload), **keywords)


def exited(stream=1, kind=wire.EXIT_CODE, value=0, duration=1000):
    return wire.frame(wire.EXITED, stream, payload=struct.pack("<IIQ", kind, value, duration))


def header(kind, length, stream=1, channel=0, magic=wire.MAGIC, version=wire.VERSION):
    return wire.HEADER.pack(magic, version, kind, channel, stream, length)


def ready(init=1000, up=2000):
    return wire.frame(wire.READY, payload=struct.pack("<IQQ", 1, init, up) + wire.text("6.1"))


def setup_done(error=0, what=""):
    return wire.frame(wire.SETUP_DONE, payload=struct.pack("<I", error) + wire.text(what))


READY = send(ready())
UP = READY + wait_for(wire.SETUP) + send(setup_done())
RUNNING = UP + wait_for(wire.EXEC) + frame(wire.STARTED, 1, payload=struct.pack("<I", 7))
OUT = wire.frame(wire.DATA, 1, wire.STDOUT, b"x" * 1000)

# name: (script, a word of the error)
BEFORE_RUNNING = {
    "nothing": (b"", "did not answer"),
    "ends at once": (step("e", count=3), "ended"),
    "closes the port": (close(AGENT), "channel"),
    "half a frame": (send(ready()[:20]), "did not answer"),
    "half a frame, then the end": (send(ready()[:20]) + close(AGENT), "channel"),
    "garbage": (send(os.urandom(100000)), "not allowed"),
    "wrong magic": (send(header(wire.READY, 24, magic=b"PYR0")), "not allowed"),
    "wrong version": (send(header(wire.READY, 24, version=9)), "not allowed"),
    "a huge length": (send(header(wire.DATA, 0xFFFFFFFF, channel=wire.STDOUT)), "not allowed"),
    "a frame only hosts send": (frame(wire.POWEROFF), "not allowed"),
    "an unknown type": (frame(200), "not allowed"),
    "READY with times that overflow": (send(ready(0, 2**64 - 1)), "not allowed"),
    "READY that ends before it starts": (send(ready(2, 1)), "not allowed"),
    "READY twice": (READY + READY, "out of turn"),
    "SETUP_DONE first": (send(setup_done()), "out of turn"),
    "SETUP_DONE that failed": (
        READY + wait_for(wire.SETUP) + send(setup_done(5, "x\x1b]0;evil\x07\n")), "identity: x?]0;evil??"),
    "never SETUP_DONE": (READY, "did not answer"),
    "output before it is up": (send(OUT), "not allowed"),
    "EXITED before it is up": (send(exited()), "not allowed"),
    "endless READY": (flood(ready()), "out of turn"),
    "endless console": (flood(b"spam" * 1000, CONSOLE), "did not answer"),
    "endless log": (flood(b"spam" * 1000, LOG), "did not answer"),
    "endless monitor": (flood(b'{"event":"X"}\n' * 100, MONITOR), "did not answer"),
    "monitor without a line end": (flood(b"[" * 1000, MONITOR), "did not answer"),
    "deep JSON in the monitor": (send(b"[" * 500000 + b"\n", MONITOR), "did not answer"),
    "wide JSON in the monitor": (send(b'{"QMP":[' + b"1," * 500000 + b"1]}\n", MONITOR), "did not answer"),
    "closes the monitor": (close(MONITOR), "did not answer"),
    "a kernel panic": (send(b"Kernel Kernel panic - not syncing: x\n", CONSOLE), "panicked"),
}  # fmt: skip

GREETING = send(b'{"QMP":{}}\n{"return":{},"id":0}\n', MONITOR)

WHILE_RUNNING = {
    "ends": (step("e"), "ended"),
    "closes the port": (close(AGENT), "channel"),
    "garbage": (send(b"\0" * 5000), "not allowed"),
    "a full disk": (
        GREETING + send(b'{"event":"BLOCK_IO_ERROR","data":{"nospace":true}}\n', MONITOR), "disk is full"),
    "READY again": (READY, "out of turn"),
    "SETUP_DONE again": (send(setup_done()), "out of turn"),
    "STARTED again": (flood(wire.frame(wire.STARTED, 1, payload=bytes(4))), "not allowed"),
    "EXITED of a stream to come": (send(exited(2)), "not allowed"),
    "EXITED of no known kind": (send(exited(1, 77)), "not allowed"),
    "endless output": (flood(OUT), "not allowed"),
    "empty output": (frame(wire.DATA, 1, wire.STDOUT), "not allowed"),
    "output on stdin": (frame(wire.DATA, 1, wire.STDIN, b"x"), "not allowed"),
    "credit that nothing was sent for": (send(wire.credit(1, wire.STDIN, 1)), "not allowed"),
    "credit of nothing": (flood(wire.credit(1, wire.STDIN, 0)), "not allowed"),
    "all the credit in the world": (send(wire.credit(1, wire.STDIN, 2**32 - 1)), "not allowed"),
}  # fmt: skip


@pytest.fixture(scope="session")
def fake(tmp_path_factory):
    """The fake QEMU's program."""
    program = tmp_path_factory.mktemp("fake") / "fake-qemu"
    source = pathlib.Path(__file__).with_name("hostile_guest.c")
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        pytest.skip("no C compiler to build the fake QEMU with")
    subprocess.run([compiler, "-O1", "-o", program, source], check=True)
    return program.read_bytes()


@pytest.fixture
def hostile(pyro, fake, tmp_path):
    """Starts `pyro run` on a fake QEMU that plays a script."""

    def start(script, *command, flags=(), boot_seconds=2, **keywords):
        program = tmp_path / "fake-qemu"
        program.write_bytes(fake + b"#!SCRIPT\n" + script)
        program.chmod(0o755)
        env = {"PYRO_QEMU": str(program), "PYRO_BOOT_TIMEOUT_SECONDS": str(boot_seconds), **COLD}
        return pyro.popen("run", BASE, "--mem-mib", "128", *flags, "--", *(command or ("true",)),
                          env=env, **keywords)  # fmt: skip

    return start


def largest_kib(pid, largest=0):
    """The most memory a process has used; `largest` when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return largest
    return max(largest, int(text.split("VmHWM:")[1].split()[0])) if "VmHWM:" in text else largest


def finish(pyro, process, word, status=125, seconds=30):
    """Reads all output and waits for the end; the supervisor may not grow on the way, and nothing may be left."""
    threading.Thread(target=process.stdout.read, daemon=True).start()
    largest, deadline = 0, time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        for pid, name in pyro.processes().items():
            if name.startswith("pyro-supervisor"):
                largest = largest_kib(pid, largest)
        time.sleep(0.02)
    assert process.poll() is not None, f"still runs after {seconds} s"
    error = process.stderr.read().decode()
    assert process.returncode == status, error
    assert word in error and "Sanitizer" not in error, error
    for log in pyro.logs.rglob("supervisor.log"):
        assert "Sanitizer" not in log.read_text() and "runtime error" not in log.read_text()
    if not os.environ.get("PYRO_TEST_SANITIZED"):
        assert largest < SMALL_KIB, f"the supervisor grew to {largest} KiB"
    pyro.assert_nothing_left()
    return error


@pytest.mark.parametrize("name", BEFORE_RUNNING)
def test_before_the_guest_is_up(pyro, hostile, name):
    script, word = BEFORE_RUNNING[name]
    finish(pyro, hostile(script), word)


@pytest.mark.parametrize("name", WHILE_RUNNING)
def test_while_a_command_runs(pyro, hostile, name):
    script, word = WHILE_RUNNING[name]
    finish(pyro, hostile(RUNNING + script), word)


def test_the_fake_can_also_behave(pyro, hostile):
    """So that the errors above are about what they seem to be about."""
    process = hostile(RUNNING + send(OUT) + send(exited(1, wire.EXIT_CODE, 7)))
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (7, b"x" * 1000, b"")
    pyro.assert_nothing_left()


def test_frames_about_a_command_that_is_over_mean_nothing(pyro, hostile):
    process = hostile(RUNNING + send(exited()) + flood(exited() + OUT))
    process.communicate(timeout=30)
    assert process.returncode == 0
    pyro.assert_nothing_left()


def test_a_guest_that_does_not_kill_is_killed(pyro, hostile):
    process = hostile(RUNNING, flags=("--timeout-seconds", "1"))
    finish(pyro, process, "", status=124)


def test_a_guest_that_does_not_read_its_stdin(pyro, hostile):
    with open("/dev/zero", "rb") as endless:
        process = hostile(UP, stdin=endless, flags=("--timeout-seconds", "2"))
        finish(pyro, process, "", status=124)


def test_a_guest_that_hangs_is_left_by_a_cancel(pyro, hostile):
    process = hostile(RUNNING + send(OUT))
    assert process.stdout.read(1) == b"x"
    process.terminate()
    finish(pyro, process, "", status=143)


def test_stdin_is_not_taken_by_a_guest_that_never_comes_up(pyro, hostile):
    """What follows `pyro run` in a script, or runs in its stead, still finds its input."""
    reader, writer = os.pipe()
    os.write(writer, b"precious")
    os.close(writer)
    process = hostile(READY, stdin=reader)
    finish(pyro, process, "did not answer")
    assert os.read(reader, 100) == b"precious"
    os.close(reader)


def test_time_to_live_ends_a_boot(pyro, hostile):
    process = hostile(READY, flags=("--ttl-seconds", "1"), boot_seconds=60)
    finish(pyro, process, "--ttl-seconds")


def test_a_supervisor_that_hangs_is_killed(pyro, hostile):
    process = hostile(RUNNING + send(OUT))
    assert process.stdout.read(1) == b"x"
    pid = pyro.process("pyro-supervisor")
    os.kill(pid, 19)
    process.terminate()
    finish(pyro, process, "", status=143)
    wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists() or pid not in pyro.processes(), 5,
               "the supervisor's end")  # fmt: skip
