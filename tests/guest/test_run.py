"""`pyro run`: what reaches the guest, what comes back, and how it ends."""

import hashlib
import json
import os
import platform
import signal
import subprocess
import time

import pytest

from conftest import BASE, wait_until

ARGUMENTS = ["a b", "", "*", "$HOME", "it's", '"', "\\", "line\nbreak", "ümlaut", "--json", "-x"]


def memory(pid, key):
    """KiB as the kernel counts them for one process, 0 when it has ended."""
    try:
        with open(f"/proc/{pid}/status") as status:
            text = status.read()
    except OSError:
        return 0
    return int(text.split(f"{key}:")[1].split()[0]) if key in text else 0


def test_the_guest_is_another_machine(pyro):
    result = pyro.guest("sh", "-c", "uname -r; cat /proc/sys/kernel/random/boot_id; id -u; pwd")
    kernel, boot_id, uid, directory = result.stdout.decode().split()
    assert kernel != platform.release()
    with open("/proc/sys/kernel/random/boot_id") as host:
        assert boot_id != host.read().strip()
    assert (uid, directory) == ("0", "/workspace")
    assert result.returncode == 0 and result.stderr == b""
    pyro.assert_nothing_left()


def test_arguments_are_never_split(pyro):
    result = pyro.guest("printf", "%s\\0", *ARGUMENTS)
    assert result.stdout.decode().split("\0")[:-1] == ARGUMENTS


def test_both_streams_byte_for_byte(pyro):
    script = "printf '\\377\\0\\1out'; printf '\\376\\0err' >&2; exit 7"
    result = pyro.guest("sh", "-c", script)
    assert (result.stdout, result.stderr) == (b"\xff\x00\x01out", b"\xfe\x00err")
    assert result.returncode == 7


def test_exit_statuses(pyro):
    assert pyro.guest("sh", "-c", "exit 255").returncode == 255
    assert pyro.guest("sh", "-c", "kill -9 $$").returncode == 128 + 9
    missing = pyro.guest("no-such-command")
    assert missing.returncode == 127 and b"no-such-command" in missing.stderr
    assert pyro.guest("/etc/passwd").returncode == 126


def test_stdin_from_a_pipe(pyro):
    data = os.urandom(3_000_001)
    result = pyro.guest("sha256sum", input=data)
    assert result.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()


def test_stdin_from_a_file_and_without_any(pyro, tmp_path):
    path = tmp_path / "input"
    path.write_bytes(b"from a file\n")
    with open(path, "rb") as file:
        assert pyro.guest("cat", stdin=file).stdout == b"from a file\n"
    assert pyro.guest("cat").stdout == b""


def test_output_comes_while_the_command_runs(pyro):
    with pyro.popen("run", BASE, "--", "sh", "-c", "echo first; read x; echo second $x",
                    stdin=subprocess.PIPE) as process:  # fmt: skip
        assert process.stdout.readline() == b"first\n"
        process.stdin.write(b"go\n")
        process.stdin.close()
        assert process.stdout.read() == b"second go\n"
        assert process.wait(60) == 0


def test_time_limit_kills_everything(pyro):
    script = "trap '' TERM; setsid sleep 1000 & (setsid sh -c 'sleep 1000' &) ; sleep 1000"
    started = time.monotonic()
    result = pyro.run("run", BASE, "--timeout-seconds", "2", "--", "sh", "-c", script)
    assert result.returncode == 124
    assert time.monotonic() - started < 120
    pyro.assert_nothing_left()


def test_a_background_child_does_not_hold_the_command(pyro):
    result = pyro.guest("sh", "-c", "sleep 1000 & echo over", timeout=120)
    assert (result.stdout, result.returncode) == (b"over\n", 0)
    pyro.assert_nothing_left()


def test_a_reader_that_goes_away(pyro):
    """`pyro run … | head -c`: the guest ends, and so do we, quietly."""
    with pyro.popen("run", BASE, "--", "cat", "/dev/zero") as process:
        left = 50_000_000
        while left > 0:
            left -= len(process.stdout.read(min(left, 1 << 20)))
        process.stdout.close()
        assert process.wait(20) == 128 + signal.SIGPIPE
        assert process.stderr.read() == b""
    pyro.assert_nothing_left()


def test_a_slow_reader_holds_the_guest_back(pyro):
    """Nobody reads for a while: the guest's command waits, nobody's memory grows."""
    with pyro.popen("run", BASE, "--", "cat", "/dev/zero") as process:
        process.stdout.read(1)
        supervisor = pyro.process("pyro-supervisor")
        time.sleep(1)
        for pid in (process.pid, supervisor):
            assert 0 < memory(pid, "VmRSS") < 16 * 1024
        process.kill()
    pyro.assert_nothing_left()


def test_json_keeps_head_and_tail_of_a_flood(pyro, tmp_path):
    """Half a gigabyte is counted, a megabyte of it kept, and `pyro` stays small."""
    script = "echo head; head -c 500M /dev/zero; echo; echo tail"
    with open(tmp_path / "out", "w+b") as out:
        process = pyro.popen("run", BASE, "--json", "--", "sh", "-c", script, stdout=out)
        largest = 0
        while process.poll() is None:
            largest = max(largest, memory(process.pid, "VmHWM"))
            time.sleep(0.05)
        out.seek(0)
        result = json.load(out)
    assert process.returncode == 0 and result["exit_code"] == 0
    assert result["stdout"].startswith("head\n") and result["stdout"].endswith("tail\n")
    assert result["stdout_truncated"] and not result["stderr_truncated"]
    assert result["stdout_bytes"] == 500 * 1024 * 1024 + len("head\n\ntail\n")
    assert 0 < largest < 64 * 1024


def test_json_says_it_all(pyro):
    result = pyro.run_json("sh", "-c", "printf 'a\\377b'; echo problem >&2; exit 3")
    assert result["stdout"] == "a�b" and result["stderr"] == "problem\n"
    assert result["exit_code"] == 3 and result["timed_out"] is False
    assert result["environment"] == BASE and result["vm_id"].startswith("vm-")
    assert result["execution_mode"] == "guest" and result["accelerator"] in ("kvm", "tcg")
    assert result["isolation"] in ("kvm+jail", "tcg+jail", "kvm", "tcg")
    assert result["boot_kind"] == "restored" and result["boot_attempts"] == 1
    assert result["boot_ms"] > 0 and result["duration_ms"] > 0
    assert result["cleanup"] == {"deleted": True}
    assert result["command"].startswith("sh -c '")
    assert (result["stdout_bytes"], result["stderr_bytes"]) == (3, 8)
    assert result["stdout_truncated"] is False and result["stdout_path"] is None


@pytest.mark.parametrize("flags", [(), ("--network",)], ids=["alone", "network"])
def test_the_guest_that_shuts_itself_down(pyro, flags):
    result = pyro.run("run", BASE, *flags, "--json", "--", "sh", "-c", "echo b >/proc/sysrq-trigger; sleep 100")
    assert result.returncode == 125
    assert json.loads(result.stdout)["error"]["code"] == "guest_failed", result.stdout
    pyro.assert_nothing_left()


def test_time_to_live_ends_the_vm(pyro):
    result = pyro.run("run", BASE, "--ttl-seconds", "15", "--", "sleep", "1000")
    assert result.returncode == 125 and b"--ttl-seconds" in result.stderr
    pyro.assert_nothing_left()


def test_without_the_flag_there_is_no_network(pyro):
    result = pyro.guest("sh", "-c", "ls /sys/class/net; cat /proc/net/route | wc -l")
    assert result.stdout.decode().split() == ["lo", "1"]


def test_shape(pyro):
    result = pyro.run("run", BASE, "--vcpu-count", "2", "--mem-mib", "512", "--",
                      "sh", "-c", "nproc; grep MemTotal /proc/meminfo; df -m / | tail -1")  # fmt: skip
    cpus, _, memory, _, _, disk = result.stdout.decode().split()[:6]
    assert cpus == "2" and 400 * 1024 < int(memory) < 512 * 1024
    assert int(disk) > 14 * 1024


def test_ten_at_once(pyro):
    """Ten guests and a reader of the store: everybody is served, nobody meets a locked database."""
    many = [pyro.popen("run", BASE, "--mem-mib", "256", "--", "echo", str(i)) for i in range(10)]
    while any(process.poll() is None for process in many):
        pyro.rows()
        time.sleep(0.1)
    for i, process in enumerate(many):
        out, err = process.communicate()
        assert (out.decode(), process.returncode) == (f"{i}\n", 0), err.decode()
    wait_until(lambda: not pyro.leftovers(), 5, "an end without leftovers")
