"""The command line around a guest: signals, readers that go or do not read, kinds of stdin."""

import os
import signal
import socket

import pytest

from conftest import BASE


@pytest.mark.parametrize(
    "number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_while_nobody_reads(pyro, number, status):
    """The pipe is full, so the command line waits for its reader when the signal comes."""
    process = pyro.popen("run", BASE, "--", "yes")
    assert process.stdout.read(4) == b"y\ny\n"
    process.send_signal(number)
    process.send_signal(number)
    assert process.wait(20) == status
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    pyro.assert_nothing_left()


def test_an_ignored_sigint_is_still_meant(pyro):
    """A script's background job starts with SIGINT ignored."""
    process = pyro.popen("run", BASE, "--", "sh", "-c", "echo; exec sleep 1000",
                         preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))  # fmt: skip
    assert process.stdout.read(1) == b"\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    pyro.assert_nothing_left()


def test_a_reader_that_has_seen_enough(pyro):
    process = pyro.popen("run", BASE, "--", "yes")
    assert process.stdout.read(4) == b"y\ny\n"
    process.stdout.close()
    assert process.wait(20) == 141
    assert process.stderr.read() == b""
    pyro.assert_nothing_left()


def test_a_full_disk_behind_stdout(pyro):
    with open("/dev/full", "wb") as full:
        result = pyro.guest("yes", stdout=full)
    assert result.returncode == 125 and b"No space left on device" in result.stderr
    pyro.assert_nothing_left()


def test_stdout_that_does_not_block(pyro):
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    process = pyro.popen("run", BASE, "--", "head", "-c", "1000000", "/dev/zero", stdout=write_end)
    os.close(write_end)
    with open(read_end, "rb") as reader:
        assert len(reader.read()) == 1_000_000
    assert process.wait(20) == 0


def test_stdin_may_be_a_file_or_a_socket(pyro, tmp_path):
    path = tmp_path / "input"
    path.write_bytes(b"from a file\xff")
    with open(path, "rb") as file:
        assert pyro.guest("cat", stdin=file).stdout == b"from a file\xff"
    ours, theirs = socket.socketpair()
    ours.sendall(b"from a socket")
    ours.close()
    with theirs:
        assert pyro.guest("cat", stdin=theirs).stdout == b"from a socket"


def test_words_are_bytes(pyro):
    result = pyro.guest("printf", "%s|", b"\xff\xfe", "", "a b", "$HOME")
    assert result.stdout == b"\xff\xfe||a b|$HOME|"


def test_the_closing_line_is_only_for_those_who_ask(pyro):
    assert pyro.guest("true").stderr == b""
    result = pyro.run("run", BASE, "--verbose", "--", "sh", "-c", "exit 9")
    assert result.returncode == 9 and result.stdout == b""
    assert b"pyro: exit status 9" in result.stderr
