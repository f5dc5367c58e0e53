"""`pyro demo`: what it shows, what it tells programs, and that nothing of it stays however it ends."""

import os
import pty
import re
import signal
import subprocess

import pytest
from conftest import BASE

COMMANDS = [
    rf"pyro workspace create {BASE}",
    r"pyro workspace exec ws-[0-9a-f]+ -- uname -r",
    r"pyro workspace exec ws-[0-9a-f]+ -- sh -c '.*hello.txt'",
    r"pyro workspace diff ws-[0-9a-f]+",
    r"pyro workspace delete ws-[0-9a-f]+",
]
STEPS = ["create", "start", "exec", "exec", "diff", "delete"]


def test_on_screen(pyro):
    result = pyro.run("demo", "--environment", BASE)
    text = result.stdout.decode()
    assert result.returncode == 0, result.stderr.decode()
    typed = re.findall(r"^\$ (.*)$", text, re.MULTILINE)
    assert len(typed) == len(COMMANDS)
    assert all(re.fullmatch(wanted, got) for wanted, got in zip(COMMANDS, typed)), typed
    steps = re.findall(r"^  (\w+) .* (\d+\.\d\d) s$", text, re.MULTILINE)
    assert [name for name, _ in steps] == STEPS
    assert "+made by root on vm-" in text and os.uname().release in text and "nothing is left" in text
    assert "\x1b" not in text
    pyro.assert_nothing_left()


def test_for_programs(pyro):
    result = pyro.run("demo", "--environment", BASE, "--json")
    assert result.returncode == 0 and result.stdout.count(b"\n") == 1
    demo = pyro.json("demo", "--environment", BASE)
    assert [step["name"] for step in demo["steps"]] == STEPS
    assert demo["host_kernel"] == os.uname().release != demo["guest_kernel"]
    assert demo["guest_kernel"] == pyro.guest("uname", "-r").stdout.decode().strip()
    assert demo["steps"][2]["output"].strip() == demo["guest_kernel"] and demo["deleted"] is True
    assert all(step["duration_ms"] >= 0 for step in demo["steps"]) and demo["isolation"]
    status = pyro.run("workspace", "status", demo["workspace_id"])
    assert status.returncode == 2
    pyro.assert_nothing_left()


def read_until(stream, text):
    seen = b""
    while text not in seen:
        byte = os.read(stream.fileno(), 1)
        assert byte, seen
        seen += byte
    return seen


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("moment", [b"$ pyro workspace create", b"uname -r", b"hello.txt", b"$ pyro workspace delete"])
def test_interrupted(pyro, moment, number, status):
    process = pyro.popen("demo", "--environment", BASE)
    read_until(process.stdout, moment)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    if moment != b"$ pyro workspace delete":  # there is nothing to interrupt any more
        assert process.returncode == status, err
        assert b"uname -r" in moment or b"All of it took" not in out
    pyro.assert_nothing_left()


def test_a_reader_that_has_seen_enough(pyro):
    process = pyro.popen("demo", "--environment", BASE)
    read_until(process.stdout, b"uname -r")
    process.stdout.close()
    assert process.wait(60) == 141
    pyro.assert_nothing_left()


@pytest.mark.parametrize("name, says", [("debian:13", b"debian:12"), (b"\xff\n", b"UTF-8")])
def test_an_environment_that_is_not_there(empty, name, says):
    result = empty.run("demo", "--environment", name)
    assert result.returncode == 2 and b"hint: " in result.stderr and says in result.stderr
    empty.assert_nothing_left()


def test_wrong_words(empty):
    result = empty.run("demo", "olama")
    assert result.returncode == 2 and b"olama" in result.stderr
    assert not empty.home.exists()


def on_terminal(pyro, *words, env=None):
    ours, theirs = pty.openpty()
    process = pyro.popen(*words, stdout=theirs, stderr=subprocess.DEVNULL, env={"TERM": "xterm", **(env or {})})
    os.close(theirs)
    text = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the terminal's other end is closed
            break
        if not part:
            break
        text += part
    os.close(ours)
    assert process.wait(60) == 0
    return text


def test_colours(pyro):
    assert b"\x1b[1m" in on_terminal(pyro, "demo", "--environment", BASE)
    assert b"\x1b" not in on_terminal(pyro, "demo", "--environment", BASE, env={"NO_COLOR": "1"})
