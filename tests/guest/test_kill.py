"""However a run ends, nothing of it is left two seconds later."""

import fcntl
import json
import os
import signal
import termios

import pytest

from conftest import BASE, COLD, wait_until

SLEEP = ("sh", "-c", "echo up; exec sleep 1000")


def start(pyro, *flags):
    process = pyro.popen("run", BASE, *flags, "--", *SLEEP)
    assert process.stdout.readline() == b"up\n"
    return process


def killed(pyro, process, victim, status=125):
    os.kill(victim, signal.SIGKILL)
    _, err = process.communicate(timeout=10)
    assert process.returncode == status, err
    pyro.assert_nothing_left()
    return err.decode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_command(pyro, number):
    process = start(pyro)
    process.send_signal(number)
    process.communicate(timeout=10)
    assert process.returncode == 128 + number
    pyro.assert_nothing_left()


def test_a_signal_while_the_guest_boots(pyro):
    process = pyro.popen("run", BASE, "--", "true", env=COLD)
    pyro.process("qemu-system")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 130
    pyro.assert_nothing_left()


def test_kill_9_of_the_command(pyro):
    process = start(pyro)
    killed(pyro, process, process.pid, -signal.SIGKILL)


def test_kill_9_of_the_command_while_the_guest_boots(pyro):
    process = pyro.popen("run", BASE, "--", "true", env=COLD)
    pyro.process("pyro-supervisor")
    killed(pyro, process, process.pid, -signal.SIGKILL)


@pytest.mark.parametrize("name", ["pyro-supervisor", "qemu-system", "bwrap"])
def test_kill_9_of_a_helper(pyro, name):
    process = start(pyro)
    error = killed(pyro, process, pyro.process(name))
    assert "pyro run" in error


@pytest.mark.parametrize("name", ["pyro-supervisor", "bwrap"])
def test_kill_9_of_a_helper_while_the_guest_boots(pyro, name):
    process = pyro.popen("run", BASE, "--json", "--", "true", env=COLD)
    victim = pyro.process(name)
    os.kill(victim, signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    if name == "pyro-supervisor":
        assert process.returncode == 125, err
    else:  # a boot that fails is tried once more
        assert process.returncode == 0 and b'"boot_attempts": 2' in out.replace(b'":2', b'": 2')
    pyro.assert_nothing_left()


def test_kill_9_of_passt(pyro):
    process = start(pyro, "--network")
    error = killed(pyro, process, pyro.process("passt"))
    assert "network" in error


def test_the_terminal_goes_away(pyro):
    """The command runs on a pseudo-terminal whose other end is closed."""
    master, slave = os.openpty()
    process = pyro.popen(
        "run", BASE, "--", *SLEEP, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(slave)
    seen = b""
    while b"up" not in seen:
        seen += os.read(master, 4096)
    os.close(master)
    process.wait(10)
    pyro.assert_nothing_left()


def test_kill_9_of_all_of_it_is_repaired_by_the_next_call(pyro):
    process = start(pyro)
    os.kill(pyro.process("pyro-supervisor"), signal.SIGSTOP)
    process.kill()
    process.communicate()
    os.kill(pyro.process("pyro-supervisor"), signal.SIGKILL)
    wait_until(lambda: not pyro.processes(), 2, "the end of QEMU")
    assert pyro.bundles() and pyro.rows()
    assert pyro.guest("true").returncode == 0
    pyro.assert_nothing_left()


def test_a_directory_without_a_row_is_swept_up(pyro):
    (pyro.home / "vms").mkdir(exist_ok=True)
    orphan = pyro.home / "vms" / ("vm-" + "0" * 32)
    orphan.mkdir()
    (orphan / "overlay.qcow2").write_bytes(b"left by a power cut")
    assert pyro.guest("true").returncode == 0
    assert not orphan.exists()


def test_a_boot_that_hangs_is_tried_again(pyro):
    """The first QEMU is stopped while it boots, which is what a hang looks like from outside."""
    process = pyro.popen("run", BASE, "--json", "--", "echo", "up",
                         env={"PYRO_BOOT_TIMEOUT_SECONDS": "20", **COLD})  # fmt: skip
    os.kill(pyro.process("qemu-system"), signal.SIGSTOP)
    out, err = process.communicate(timeout=120)
    result = json.loads(out)
    assert result["boot_attempts"] == 2 and result["stdout"] == "up\n", err
    pyro.assert_nothing_left()


def test_a_boot_that_hangs_twice_fails(pyro):
    process = pyro.popen("run", BASE, "--", "true", env={"PYRO_BOOT_TIMEOUT_SECONDS": "2", **COLD})
    first = pyro.process("qemu-system")
    os.kill(first, signal.SIGSTOP)

    def second():
        return [p for p, n in pyro.processes().items() if n.startswith("qemu") and p != first]

    os.kill(wait_until(second, 20, "the second try")[0], signal.SIGSTOP)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 125 and b"did not answer" in err and b"tried twice" in err
    pyro.assert_nothing_left()
