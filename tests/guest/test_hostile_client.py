"""Clients that do to a supervisor's socket what clients should not do: the VM, and the others, go on."""

import os
import pathlib
import signal
import socket
import threading
import time

import pytest

import frames as wire
from conftest import BASE, Api, PyroError, wait_until

STATE, FAILURE, STOP = 11, 12, 13
SMALL_KIB = 40 * 1024


class Client:
    """A connection to a VM's supervisor."""

    def __init__(self, pyro, vm_id):
        self.socket = socket.socket(socket.AF_UNIX)
        directory = os.open(pyro.home / "vms" / vm_id, os.O_RDONLY)  # a path may be too long for a socket
        self.socket.connect(f"/proc/self/fd/{directory}/socket")
        os.close(directory)
        self.socket.settimeout(30)
        self.decoder, self.frames = wire.Decoder(), []

    def send(self, data):
        self.socket.sendall(data)

    def next(self, *kinds):
        """The next frame of one of these kinds; None at the end of the connection."""
        while True:
            while self.frames:
                frame = self.frames.pop(0)
                if not kinds or frame[0] in kinds:
                    return frame
            data = self.socket.recv(1 << 16)
            if not data:
                return None
            self.frames += self.decoder.feed(data)

    def is_cut_off(self):
        try:
            while self.next():
                pass
        except ConnectionError:
            pass
        return True

    def close(self):
        self.socket.close()


@pytest.fixture(scope="module")
def vm(home, base):
    """One VM for all of this file: whatever a test does to it, it must still run for the next."""
    api = Api(home)
    vm_id = api.call("vm_create", environment=BASE, mem_mib=256, ttl_seconds=3600)["vm_id"]
    api.call("vm_start", vm_id=vm_id)
    yield vm_id
    api.call("vm_delete", vm_id=vm_id)
    api.close()


@pytest.fixture
def connect(pyro, vm):
    clients = []

    def connect():
        clients.append(Client(pyro, vm))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()
    supervisor = next(pid for pid in supervisors() if vm in cmdline(pid))
    if not os.environ.get("PYRO_TEST_SANITIZED"):
        status = pathlib.Path(f"/proc/{supervisor}/status").read_text()
        assert int(status.split("VmHWM:")[1].split()[0]) < SMALL_KIB
    check, alive = Client(pyro, vm), (b"alive\n", (wire.EXIT_CODE, 0))
    wait_until(lambda: run(check, "echo", "alive") == alive, 20, "an answer of the VM")
    check.close()


def cmdline(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    except OSError:
        return ""


def supervisors():
    return [int(p.name) for p in pathlib.Path("/proc").glob("[0-9]*") if "pyro-supervisor" in cmdline(p.name)]


def run(client, *words, stream=1):
    client.send(wire.execute(stream, words, directory="/"))
    output = b""
    while frame := client.next(wire.DATA, wire.EXITED):
        kind, of, channel, payload = frame
        if kind == wire.EXITED:
            return output, wire.parse_exited(payload)[:2]
        if channel == wire.STDOUT:
            output += payload
            client.send(wire.credit(of, channel, len(payload)))


CUT_OFF = {
    "garbage": os.urandom(4096),
    "a huge length": wire.HEADER.pack(wire.MAGIC, 1, wire.EXEC, 0, 1, 0xFFFFFFFF),
    "a frame only guests send": wire.frame(wire.EXITED, 1, payload=bytes(16)),
    "a malformed EXEC": wire.frame(wire.EXEC, 1, payload=b"\xff" * 40),
    "EXEC of stream 0": wire.execute(0, ["true"]),
    "EXEC of a stream that is not over": wire.execute(1, ["sleep", "9"]) + wire.execute(1, ["true"]),
    "stdin beyond its credit": wire.execute(1, ["sleep", "9"], stdin=True)
    + wire.frame(wire.DATA, 1, wire.STDIN, b"x" * 65536) * 16,  # more than window and pipe take
    "STOP of no known kind": wire.frame(STOP, payload=b"\x09"),
}  # fmt: skip


@pytest.mark.parametrize("name", CUT_OFF)
def test_a_client_that_breaks_the_rules_is_cut_off(connect, name):
    client = connect()
    try:
        client.send(CUT_OFF[name])
    except BrokenPipeError:
        pass  # cut off in the middle already
    assert client.is_cut_off()


def test_frames_about_no_command_mean_nothing(connect):
    client = connect()
    client.send(wire.frame(wire.KILL, 9) + wire.credit(9, wire.STDOUT, 1) + wire.frame(wire.DATA, 9, wire.STDIN, b"x"))
    assert run(client, "echo", "here")[0] == b"here\n"


def test_half_a_frame_and_gone(connect):
    client = connect()
    client.send(wire.execute(1, ["true"])[:30])
    client.socket.shutdown(socket.SHUT_WR)
    assert client.is_cut_off()


def test_commands_start_in_order(connect):
    client = connect()
    client.send(b"".join(wire.execute(i, ["true"]) for i in range(1, 9)))
    assert [client.next(wire.STARTED)[1] for _ in range(8)] == list(range(1, 9))


def test_a_client_that_does_not_read(connect):
    """However much credit it gives, only a window of output piles up."""
    deaf, other = connect(), connect()
    deaf.send(wire.execute(1, ["cat", "/dev/zero"]) + wire.credit(1, wire.STDOUT, 2**32 - 1) * 3)
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        assert run(other, "echo", "x")[0] == b"x\n"


def test_a_flood_of_commands(connect):
    client = connect()
    client.send(b"".join(wire.execute(i, ["/no-such-command"]) for i in range(1, 1501)))
    for _ in range(1500):
        assert wire.parse_exited(client.next(wire.EXITED)[3])[0] == wire.EXIT_UNSTARTED


def test_more_clients_than_are_served(connect):
    """They wait for their turn; nobody is turned away with an unclear error."""
    many = [connect() for _ in range(100)]
    many[0].next(STATE)
    for client in many[:50]:
        client.close()
    assert run(many[-1], "echo", "mine")[0] == b"mine\n"


def test_clients_that_come_and_go(connect):
    for i in range(300):
        client = connect()
        if i % 3:
            client.send(wire.execute(1, ["sleep", "1000"]))
        client.close()


def test_what_a_client_started_ends_with_it(connect):
    client, other = connect(), connect()
    client.send(wire.execute(1, ["sleep", "4242"]))
    client.next(wire.STARTED)
    client.close()
    wait_until(lambda: run(other, "pgrep", "-f", "sleep 424[2]")[1][1] == 1, 10, "the command's end")


def test_stopping_tells_those_who_wait(pyro, home, base):
    """Somebody stops a VM in which a command of somebody else runs."""
    api = Api(home)
    vm_id = api.call("vm_create", environment=BASE, mem_mib=256)["vm_id"]
    api.call("vm_start", vm_id=vm_id)
    caught = []

    def execute():
        try:
            Api(home).call("vm_exec", vm_id=vm_id, command="sleep 1000", timeout_seconds=100)
        except PyroError as error:
            caught.append(error)

    thread = threading.Thread(target=execute)
    client = Client(pyro, vm_id)
    thread.start()
    wait_until(lambda: run(client, "pgrep", "-f", "sleep 100[0]")[1][1] == 0, 20, "the command")
    client.send(wire.frame(STOP, payload=b"\0"))
    assert client.is_cut_off()
    thread.join(20)
    assert caught[0].code == "wrong_state" and "stopped" in caught[0].message
    api.close()
    assert vm_id not in pyro.bundles()


def test_deleting_a_vm_whose_supervisor_hangs(pyro, api):
    vm_id = api.call("vm_create", environment=BASE, mem_mib=256)["vm_id"]
    api.call("vm_start", vm_id=vm_id)
    os.kill(next(pid for pid in supervisors() if vm_id in cmdline(pid)), signal.SIGSTOP)
    assert api.call("vm_delete", vm_id=vm_id)["deleted"] is True
    wait_until(lambda: not [p for p in supervisors() if vm_id in cmdline(p)], 5, "its end")


def test_deleting_a_vm_while_it_starts(pyro, home, base):
    """Whoever starts it hears of it, and nothing runs on without a row."""
    api = Api(home)
    vm_id = api.call("vm_create", environment=BASE, mem_mib=256)["vm_id"]
    caught = []

    def start():
        try:
            Api(home).call("vm_start", vm_id=vm_id)
        except PyroError as error:
            caught.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    wait_until(lambda: [p for p in supervisors() if vm_id in cmdline(p)], 20, "its supervisor")
    assert api.call("vm_delete", vm_id=vm_id)["deleted"] is True
    thread.join(30)
    assert caught and caught[0].message
    api.close()
    wait_until(lambda: not [p for p in supervisors() if vm_id in cmdline(p)], 5, "its end")
