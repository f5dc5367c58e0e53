"""Shells: real terminals that nobody need be attached to, read by cursor, written to without end."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import time

import pytest

from conftest import Api, PyroError, wait_until
from workspaces import Shell, workspace  # noqa: F401


@pytest.fixture
def shell(workspace):
    return Shell(workspace())


def test_a_login_quality_terminal(shell):
    assert shell.record["state"] == "running" and (shell.record["cols"], shell.record["rows"], shell.record["cwd"]) == (120, 30, "/workspace")
    shell.type("tty; stty size; pwd; echo $0 $TERM; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all th''ree")
    text = shell.expect("all three\r\n")
    assert "/dev/pts/" in text and "30 120\r\n/workspace\r\n/bin/bash xterm-256color" in text.replace("/usr/bin/bash", "/bin/bash")
    assert shell.json("resize", "--cols", 77, "--rows", 11)["cols"] == 77
    shell.type("stty size")
    shell.expect("11 77\r\n")
    shell.type("sleep 1000 & jobs | tr R r; fg")  # job control
    shell.expect("running")
    wait_until(lambda: shell.one.exec("pidof", "sleep").returncode == 0, 20, "the job")
    shell.type("\x1a", "--no-newline")
    shell.expect("Stopped")
    shell.type("kill %1; cd /tmp; export KEPT=yes")
    shell.type("echo state $PWD $KEPT")
    shell.expect("state /tmp yes\r\n"), "it keeps its state"
    shell.type("perl -e 'sleep 1 until -e q(/tmp/closed); open T, q(>/dev/tty); syswrite T, qq(nobody had it\\n); sleep 1000' <&- >&- 2>&- & exec perl -e 'close STDIN; close STDOUT; close STDERR; open F, q(>/tmp/closed); sleep 1000'")
    shell.expect("nobody had it\r\n"), "all may let go of it for a while"
    other = Shell(shell.one, "--cwd", "/etc", "--cols", 80, "--rows", 24)
    other.type("stty size; pwd")
    other.expect("24 80\r\n/etc\r\n")
    assert other.id != shell.id and shell.one.json("status")["running_shell_ids"] == [shell.id, other.id]
    nowhere = shell.pyro.run("workspace", "shell", "open", shell.one.id, "--cwd", "/nowhere")
    assert nowhere.returncode == 2 and b"/nowhere" in nowhere.stderr


def test_reading_by_cursor(shell):
    """Any number of readers, in pieces of any size: nothing is lost, doubled or split."""
    shell.hush().type("for i in $(seq 1 300); do printf '%s äöü€𝄞 \\377\\n' $i; done; echo DONE")
    shell.expect("DONE\r\n")
    whole = shell.read()
    assert whole["cursor"] == 0 and not whole["truncated"] and whole["next_cursor"] == whole["end_cursor"] == len(whole["output"])
    assert "".join(f"{i} äöü€𝄞 \ufffd\r\n" for i in range(1, 301)) in whole["output"]
    for size in (1000, 777):
        text, cursor = "", 0
        while cursor < whole["end_cursor"]:
            part = shell.read("--cursor", cursor, "--max-chars", size)
            assert part["cursor"] == cursor and part["next_cursor"] == cursor + len(part["output"]) and len(part["output"]) <= size
            assert part["truncated"] == (part["next_cursor"] < whole["end_cursor"])
            text, cursor = text + part["output"], part["next_cursor"]
        assert text == whole["output"]
    assert shell.read("--cursor", whole["end_cursor"])["output"] == ""
    beyond = shell.run("read", "--cursor", whole["end_cursor"] + 1)
    assert beyond.returncode == 2 and b"cursor" in beyond.stderr
    assert shell.run("read").stdout.decode() == whole["output"], "for people: as it is"


def test_what_fell_off(workspace):
    shell = Shell(workspace(), "--scrollback-bytes", 1 << 20)
    shell.hush().type("stty -onlcr; seq 1 400000; echo DONE")
    wait_until(lambda: "DONE" in shell.read("--cursor", shell.end() - 5)["output"], 120, "the end of much output")
    part = shell.read()
    assert part["truncated"] and part["lost_chars"] == part["cursor"] > 0
    assert part["end_cursor"] - part["cursor"] >= 1 << 20
    text, cursor = "", 0
    while cursor < part["end_cursor"]:
        piece = shell.read("--cursor", cursor, "--max-chars", 1 << 20)
        assert piece["lost_chars"] == (piece["cursor"] - cursor)
        text, cursor = text + piece["output"], piece["next_cursor"]
    numbers = [int(line) for line in text.split("\n")[1:] if line.isdigit()]
    assert numbers == list(range(numbers[0], 400001))


def test_waiting(shell):
    end = shell.hush().end()
    begun = time.monotonic()
    assert shell.read("--cursor", end, "--wait-ms", 1000)["output"] == "" and 1 <= time.monotonic() - begun < 10
    threading.Timer(1, lambda: shell.type("echo late; sleep 0.1; echo later; sleep 1000")).start()
    begun = time.monotonic()
    first = shell.read("--cursor", end, "--wait-ms", 60000)
    assert "late" in first["output"] and time.monotonic() - begun < 30
    settled = shell.read("--cursor", end, "--wait-ms", 60000, "--wait-for-idle-ms", 1500)
    assert settled["output"] == "late\r\nlater\r\n" and time.monotonic() - begun < 50
    shell.json("signal")
    shell.type("yes")
    begun = time.monotonic()
    endless = shell.read("--cursor", shell.read()["end_cursor"], "--wait-ms", 1500, "--wait-for-idle-ms", 5000, "--max-chars", 16000000)
    assert endless["output"] and time.monotonic() - begun < 30, "output that never settles is not waited for without end"
    shell.json("signal")
    quiet = shell.read("--cursor", shell.end(), "--wait-for-idle-ms", 500)["end_cursor"]
    threading.Timer(1, lambda: shell.json("close")).start()
    begun = time.monotonic()
    last = shell.read("--cursor", quiet, "--wait-ms", 60000)
    while last["state"] == "running":
        last = shell.read("--cursor", last["next_cursor"], "--wait-ms", 60000)
    assert time.monotonic() - begun < 30, "its end is not waited for until the time limit"


def test_plain_text(shell):
    shell.hush().type("printf '\\033[1;31mred\\033[0m \\033]0;title\\007and\\b\\b\\bplain\\r\\n'; ls --color=always -d /etc; echo DONE")
    shell.expect("DONE\r\n")
    plain = shell.read("--plain")
    assert "red plain\n/etc\nDONE\n" in plain["output"] and "\x1b" not in plain["output"] and "\r" not in plain["output"]
    assert plain["next_cursor"] == shell.read()["next_cursor"]
    text, cursor = "", 0
    while cursor < plain["end_cursor"]:
        part = shell.read("--plain", "--cursor", cursor, "--max-chars", 23)
        assert "\x1b" not in part["output"] and part["next_cursor"] > cursor
        text, cursor = text + part["output"], part["next_cursor"]
    assert "\x1b" not in text and "red" in text and "DONE\n" in text


def test_plain_text_in_small_parts(shell):
    """A title that is longer than what is read at a time is passed over all the same, and half a line's end is nothing new."""
    begin = shell.hush().end()
    shell.type("printf '\\033]0;%0100d\\007shown ' 7; printf '42%%\\r'; sleep 1000")
    wait_until(lambda: shell.read("--cursor", begin)["output"].endswith("42%\r"), 20, "the progress")
    text, part = "", {"next_cursor": begin, "truncated": True}
    while part["truncated"]:
        cursor, part = part["next_cursor"], shell.read("--plain", "--cursor", part["next_cursor"], "--max-chars", 4)
        assert part["next_cursor"] > cursor and len(part["output"]) <= 4
        text += part["output"]
    assert text == "shown 42%" and part["next_cursor"] == part["end_cursor"] - 1
    begun = time.monotonic()
    waited = shell.read("--plain", "--cursor", part["next_cursor"], "--wait-ms", 1500)
    assert waited["output"] == "" and not waited["truncated"] and time.monotonic() - begun >= 1.5
    threading.Timer(1, lambda: shell.json("signal")).start()
    assert shell.read("--plain", "--cursor", part["next_cursor"], "--wait-ms", 60000)["output"].startswith("\n")


def test_input_that_nobody_reads_waits(shell):
    """1 MiB for a program that sleeps: no call hangs, nothing is lost, and there is an end to it."""
    shell.hush().type("stty raw; echo ready; sleep 3; head -c 1048577 | cksum; stty sane -echo")
    shell.expect("ready")
    data = bytes(range(256)) * 4096
    begun = time.monotonic()
    result = shell.json("write", input=data)
    assert result["input_length"] == len(data) and result["append_newline"] and time.monotonic() - begun < 30
    expected = shell.one.exec("sh", "-c", "perl -e 'print pack(\"C*\", 0..255) x 4096, \"\\n\"' | cksum").stdout.decode().strip()
    shell.expect(expected, 120)
    lines = b"".join(b"line %08d\n" % n for n in range(65536))
    shell.type("sleep 2; cat >got; echo G''OT")  # not raw: whole lines wait too
    shell.json("write", "--no-newline", input=lines)
    shell.type("\x04", "--no-newline")
    shell.expect("GOT", 120)
    assert shell.one.exec("cmp", "got", "-", input=lines).returncode == 0, "none of them is lost"
    shell.type("stty raw; echo again; sleep 1000")
    shell.expect("again")
    last = None
    for _ in range(10):
        last = shell.run("write", "--json", input=data)
        if last.returncode != 0:
            break
    error = json.loads(last.stdout)["error"]
    assert error["code"] == "wrong_state" and error["field"] == "input" and "does not read" in error["message"]
    assert shell.one.exec("echo", "alive").stdout == b"alive\n"
    assert shell.json("close")["closed"]
    shell = Shell(shell.one)
    writer = shell.pyro.popen("workspace", "shell", "write", shell.one.id, shell.id, stdin=subprocess.PIPE)
    writer.stdin.write(b"nothing of it")
    writer.stdin.flush()
    wait_until(lambda: struct.unpack("i", fcntl.ioctl(writer.stdin, termios.FIONREAD, bytes(4)))[0] == 0, 20, "its reading")
    writer.send_signal(signal.SIGINT)
    assert writer.wait(timeout=20) == 130, "who waits for more of it can be interrupted"
    missing = shell.run("write")
    assert missing.returncode == 2 and b"input" in missing.stderr


def test_signals_and_the_end(shell):
    shell.hush().type("sh -c 'trap \"echo caught; exit 5\" INT; echo up; while :; do sleep 0.1; done'; echo status $?")
    shell.expect("up\r\n")
    assert shell.json("signal", "--signal", "INT")["signal"] == "INT"
    shell.expect("status 5\r\n")
    assert shell.run("signal", "--signal", "STOP").returncode == 2
    shell.type("nohup sleep 1000 >/dev/null 2>&1 & nohup sleep 2000")
    wait_until(lambda: len(shell.one.exec("pidof", "sleep").stdout.split()) == 2, 20, "two that ignore SIGHUP")
    closed = shell.json("close")
    assert closed["closed"] and closed["state"] == "stopped" and closed["ended_at"] >= closed["started_at"]
    assert shell.one.exec("pidof", "sleep").returncode == 1, "what ignored the hang-up was killed"
    assert shell.json("close")["closed"]
    assert "status 5\r\n" in shell.read()["output"] and shell.read("--wait-ms", 60000, "--cursor", shell.read()["end_cursor"])["state"] == "stopped"
    for verb in (["write", "--input", "x"], ["signal"], ["resize", "--cols", 1, "--rows", 1]):
        refused = shell.run(*verb)
        assert refused.returncode == 125 and b"not open any more" in refused.stderr
    for id in ("sh-99", "../sh-1", ""):
        assert shell.pyro.run("workspace", "shell", "read", shell.one.id, id).returncode == 2
    (shell.pyro.home / "vms" / shell.one.vm_id / "shells" / "zzz").mkdir()  # which is none of ours
    left = Shell(shell.one)
    assert left.id == "sh-2"
    left.type("exit 9")
    wait_until(lambda: left.read()["state"] == "stopped", 20, "its own end")
    assert left.read()["exit_code"] == 9


def test_the_last_that_a_shell_shows(workspace):
    """A reader that waits until it is quiet, and is slow: what went on in another segment of the log is there too."""
    shell = Shell(workspace(), "--scrollback-bytes", 1 << 20).hush()
    reader = shell.pyro.popen("workspace", "shell", "read", shell.one.id, shell.id, "--cursor", str(shell.end()), "--wait-ms", "60000",
                              "--wait-for-idle-ms", "20000", "--max-chars", str(16 << 20), "--json")  # fmt: skip
    shell.type("printf begun; sleep 3; head -c 300000 /dev/zero | tr '\\0' b; exit")
    wait_until(lambda: "begun" in shell.read()["output"], 20, "its beginning")
    time.sleep(1)
    reader.send_signal(signal.SIGSTOP)
    wait_until(lambda: shell.read("--max-chars", 1)["state"] == "stopped", 60, "its end")
    reader.send_signal(signal.SIGCONT)
    part = json.loads(reader.communicate(timeout=60)[0])
    assert part["state"] == "stopped" and part["output"].startswith("begun") and part["output"].count("b") == 300001


def test_the_end_of_a_shell_that_waits_for_credit(workspace):
    """The last of its output is read after its end, when nothing follows that would tell the agent of it."""
    shell = Shell(workspace()).hush()
    shell.type("stty -opost; sleep 2; head -c 265000 /dev/zero | tr '\\0' b; exec printf end")  # more than the window, less than that and a terminal hold
    supervisor = shell.one.supervisor()
    os.kill(supervisor, signal.SIGSTOP)
    time.sleep(5)
    os.kill(supervisor, signal.SIGCONT)
    wait_until(lambda: shell.read("--max-chars", 1)["state"] == "stopped", 20, "its end")
    assert shell.read("--cursor", shell.end() - 5)["output"] == "bbend"


def test_connections_that_are_kept(shell):
    """A context has one connection for all its requests. It has no right to it: one that rests makes room for others."""
    ids = {"workspace_id": shell.one.id, "shell_id": shell.id}
    typed, one = 0, Api(shell.pyro.home)

    def write(api):
        nonlocal typed
        api.call("shell_write", **ids, input="x", append_newline=False)
        typed += 1

    shell.hush().type("cat >/tmp/typed")
    supervisor = shell.one.supervisor()
    sockets = lambda: sorted(os.readlink(f.path) for f in os.scandir(f"/proc/{supervisor}/fd") if os.readlink(f.path).startswith("socket:"))  # noqa: E731
    write(one)
    time.sleep(0.5)  # until those of the commands before are gone
    before = sockets()
    for _ in range(5):
        write(one)
        one.call("shell_read", **ids, cursor=one.call("shell_read", **ids)["end_cursor"], wait_ms=10)
    assert sockets() == before
    child = os.fork()
    if child == 0:  # which must not speak in between
        try:
            write(one)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    typed += 1
    write(one)
    many = [Api(shell.pyro.home) for _ in range(70)]  # more than there are places
    for api in [*many, *reversed(many), one]:
        write(api)
    for api in many:
        api.close()
    shell.type("\x04\x04", "--no-newline")
    wait_until(lambda: int(shell.one.exec("wc", "-c", "/tmp/typed").stdout.split()[0]) == typed, 20, "all of it, nothing twice")
    os.kill(supervisor, signal.SIGKILL)
    with pytest.raises(PyroError, match="not run"):
        write(one)
    assert shell.one.exec("true").returncode == 0
    assert one.call("shell_open", workspace_id=shell.one.id)["state"] == "running"
    one.close()


class Attached:
    """`pyro workspace shell attach` in a terminal, as a person has it."""

    def __init__(self, shell, rows=24, columns=80):
        self.ours, theirs = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.ours)
        self.process = shell.pyro.popen("workspace", "shell", "attach", shell.one.id, shell.id,
                                        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))  # fmt: skip
        os.close(theirs)
        self.shown = b""

    def resize(self, rows, columns):
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        os.write(self.ours, keys)

    def expect(self, wanted, seconds=60):
        deadline = time.monotonic() + seconds
        while wanted not in self.shown:
            assert time.monotonic() < deadline, self.shown
            if select.select([self.ours], [], [], 0.2)[0]:
                try:
                    self.shown += os.read(self.ours, 65536)
                except OSError:
                    break
        assert wanted in self.shown, self.shown
        self.shown = self.shown[self.shown.index(wanted) + len(wanted):]

    def is_restored(self):
        return termios.tcgetattr(self.ours) == self.before

    def end(self):
        status = self.process.wait(timeout=30)
        return status


def test_attach(shell):
    shell.type("echo shown bef''ore")
    shell.expect("shown before\r\n")
    attached = Attached(shell)
    attached.expect(b"shown before\r\n")
    wait_until(lambda: not attached.is_restored(), 20, "raw mode")
    attached.type(b"clear; stty size; tty\r")
    attached.expect(b"24 80\r\n/dev/pts/")
    attached.resize(33, 99)
    attached.type(b"sleep 1; stty size\r")
    attached.expect(b"33 99\r\n")
    attached.type(b"sleep 1000\r")
    attached.expect(b"sleep 1000")
    wait_until(lambda: shell.one.exec("pidof", "sleep").returncode == 0, 20, "the program")
    attached.type(b"\x03")  # is the guest's
    attached.expect(b"^C")
    attached.type(b"echo half a line\x1dnever typed")
    attached.expect(b"goes on without you")
    assert attached.end() == 0 and attached.is_restored()
    assert shell.read()["state"] == "running" and "never typed" not in shell.read()["output"]
    again = Attached(shell)
    again.expect(b"half a line")
    again.process.terminate()
    again.expect(b"goes on without you")
    assert again.end() == 128 + 15 and again.is_restored()
    third = Attached(shell)
    third.expect(b"half a line")
    third.type(b"\x15exit 3\r")
    third.expect(b"has ended, exit status 3")
    assert third.end() == 0 and third.is_restored()
    closed = Attached(shell)
    closed.expect(b"not open any more")
    assert closed.end() == 125 and closed.is_restored()
    piped = shell.run("attach")
    assert piped.returncode == 2 and b"terminal" in piped.stderr


def test_attach_to_what_has_the_whole_screen(shell):
    """It is drawn anew, on the screen that it uses; nothing that it asked before is asked again; and Ctrl-] leaves however it is told."""
    shell.hush().type("printf 'asked\\033[6n\\033]11;?\\007 before\\n'")
    shell.expect("before\r\n")
    plain = Attached(shell)
    plain.expect(b"asked before\r\n")
    shell.type("""sh -c 'printf "\\033[?1049h\\033[>4;2mFULL"; trap "echo drawn for \\$(stty size)" WINCH; while :; do sleep 0.2; done'""")
    plain.expect(b"FULL")
    plain.type(b"\x1b[27;5;93~")
    plain.expect(b"\x1b[?1049l")
    plain.expect(b"\x1b[>4m")
    plain.expect(b"goes on without you")
    assert plain.end() == 0 and plain.is_restored()
    again = Attached(shell)
    again.expect(b"\x1b[?1049h\x1b[H\x1b[2J")
    again.expect(b"drawn for 24 80\r\n")
    again.type(b"\x1b[93;5u")
    again.expect(b"goes on without you")
    assert again.end() == 0 and again.is_restored()
