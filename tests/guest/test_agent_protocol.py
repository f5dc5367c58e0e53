"""The guest agent in a real guest, spoken to frame by frame by a second implementation of docs/PROTOCOL.md."""

import errno
import os
import signal
import time

import pytest

import bare_guest
import frames
from conftest import wait_until

NETWORK = (b"\x02pyro1", 0x0A0C0002, 0x0A0C0001, 0x0A0C0003, 24)  # 10.12.0.2 behind 10.12.0.1


class Shared:
    """One guest for all tests of this file; a test that ends it makes the next one boot again."""

    def __init__(self, factory, installation):
        self.factory, self.installation, self.guest = factory, installation, None

    def booted(self):
        if self.guest is None or self.guest.qemu.poll() is not None:
            self.close()
            self.guest = bare_guest.Guest(self.installation, self.factory.mktemp("guest"))
            self.guest.ready = frames.parse_ready(self.guest.vm_frame(frames.READY, bare_guest.BOOT_SECONDS))
            self.guest.has_identity = False
        return self.guest

    def close(self):
        if self.guest:
            self.guest.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory, installation):
    holder = Shared(tmp_path_factory, installation)
    yield holder
    holder.close()


@pytest.fixture
def booted(shared):
    return shared.booted()


@pytest.fixture
def guest(booted):
    if not booted.has_identity:
        assert booted.setup() == (0, "")
        booted.has_identity = True
    booted.give_credit = True
    return booted


def output(guest, script, **options):
    result = guest.run("/bin/sh", "-c", script, **options)
    assert (result.kind, result.value) == (frames.EXIT_CODE, 0), bytes(result.stderr)
    return bytes(result.stdout).decode()


def no_such_process(guest, name):
    return output(guest, f"cat /proc/[0-9]*/comm 2>/dev/null | grep -cx {name} || true").strip() == "0"


def test_exec_before_setup_is_refused(booted):
    if booted.has_identity:
        pytest.skip("this guest was set up by an earlier test")
    result = booted.run("/bin/true")
    assert (result.kind, result.value, result.pid) == (frames.EXIT_UNSTARTED, errno.EPERM, None)


def test_ready(booted):
    assert booted.ready["version"] == 1
    assert booted.ready["kernel"].startswith("6.")
    assert 0 < booted.ready["init_us"] < booted.ready["ready_us"]


def test_setup_can_be_repeated(booted):
    for name in ("first", "second"):
        assert booted.setup(name) == (0, "")
        booted.has_identity = True
        assert output(booted, "cat /etc/hostname; uname -n; grep -c 127.0.1.1 /etc/hosts; getent hosts " + name).split() == [
            name, name, "1", "127.0.1.1", name]
    assert len(output(booted, "cat /etc/machine-id").strip()) == 32
    assert abs(int(output(booted, "date +%s")) - time.time()) < 5


def test_exit_codes(guest):
    for code in (0, 1, 42, 255):
        result = guest.run("/bin/sh", "-c", f"exit {code}")
        assert (result.kind, result.value) == (frames.EXIT_CODE, code)
        assert result.pid > 1


def test_end_by_signal(guest):
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV):
        result = guest.run("/bin/sh", "-c", f"kill -{int(number)} $$")
        assert (result.kind, result.value) == (frames.EXIT_SIGNAL, number)


def test_arguments_are_never_split_again(guest):
    words = ["", " ", "a b", "'\"", "$HOME", "*", "-n", "\\", "tab\there", "line\nbreak", b"\xff\xfe"]
    result = guest.run("/usr/bin/printf", "%s\\0", *words)
    assert bytes(result.stdout).split(b"\0")[:-1] == [w if isinstance(w, bytes) else w.encode() for w in words]


def test_streams_are_separate_and_unchanged(guest):
    result = guest.run("/bin/sh", "-c", r"printf 'out\000\377\n'; printf 'err\r\n' >&2")
    assert (bytes(result.stdout), bytes(result.stderr)) == (b"out\0\xff\n", b"err\r\n")


def test_environment(guest):
    result = guest.run("env", environment=["NEW=1", "LANG=C", "TWICE=a", "TWICE=b"], directory="/usr")
    variables = dict(line.split("=", 1) for line in bytes(result.stdout).decode().splitlines())
    assert variables["HOME"] == "/root" and variables["USER"] == "root" and variables["PATH"].startswith("/usr/local/sbin:")
    assert (variables["NEW"], variables["LANG"], variables["TWICE"], variables["PWD"]) == ("1", "C", "b", "/usr")


def test_working_directory(guest):
    assert output(guest, "pwd -P") == "/root\n"
    assert output(guest, "pwd -P", directory="/etc") == "/etc\n"
    result = guest.run("/bin/true", directory="/not/there")
    assert (result.kind, result.value, result.pid) == (frames.EXIT_UNSTARTED, errno.ENOENT, None)
    assert b"/not/there" in result.stderr


def test_programs_that_cannot_be_started(guest):
    output(guest, "mkdir -p /tmp/bin; echo echo by sh > /tmp/bin/script; cp /tmp/bin/script /tmp/bin/plain;"
                  "chmod 755 /tmp/bin/script; chmod 644 /tmp/bin/plain")
    for word, error, text in (("no-such-program", errno.ENOENT, b"no-such-program: command not found"), ("", errno.ENOENT, b""),
                              ("/no/such", errno.ENOENT, b"/no/such: "), ("/etc/passwd", errno.EACCES, b"ermission denied"),
                              ("/etc", errno.EACCES, b"ermission denied"), ("/etc/passwd/x", errno.ENOTDIR, b"/etc/passwd/x")):
        result = guest.run(word)
        assert (result.kind, result.value, result.pid) == (frames.EXIT_UNSTARTED, error, None), word
        assert result.stderr.startswith(b"pyro: ") and text in result.stderr
    search = ["PATH=/nowhere:/tmp/bin:/bin"]
    assert guest.run("plain", environment=search).value == errno.EACCES
    assert bytes(guest.run("script", environment=search).stdout) == b"by sh\n"


def test_a_fresh_process(guest):
    status = output(guest, "grep -E 'Sig(Blk|Ign)' /proc/self/status | cut -f2 | sort -u; cat /proc/self/oom_score_adj; umask;"
                           "ls -l /proc/self/fd | grep -c -- '->'; cut -d' ' -f6 /proc/$$/stat | grep -cx $$")
    assert status.split() == ["0000000000000000", "0", "0022", "4", "1"]


def test_without_stdin_it_is_empty(guest):
    assert output(guest, "wc -c") == "0\n"


def test_stdin_reaches_the_command_and_ends(guest):
    data = bytes(range(256)) * 8192  # eight windows
    stream, result = guest.start("md5sum", stdin=True)
    guest.write(stream, data)
    guest.finish(stream)
    import hashlib
    assert bytes(result.stdout).split()[0].decode() == hashlib.md5(data).hexdigest()


def test_stdin_that_nobody_reads_is_credited(guest):
    stream, result = guest.start("/bin/sh", "-c", "exec <&-; sleep 1", stdin=True)
    guest.write(stream, bytes(4 * frames.WINDOW))
    assert guest.finish(stream).value == 0


def test_stdin_is_not_credited_before_it_is_read(guest):
    stream, result = guest.start("sleep", "1000", stdin=True)
    for _ in range(2):
        for _ in range(frames.WINDOW // 65536):
            guest.send(frames.frame(frames.DATA, stream, frames.STDIN, bytes(65536)))
        guest.wait(lambda: result.credited == 256 * 1024)
    guest.run("/bin/true")  # the agent is not held up
    assert result.credited == 256 * 1024, "only what went into the pipe"
    guest.send(frames.frame(frames.KILL, stream))
    assert guest.finish(stream).kind == frames.EXIT_SIGNAL


def test_no_credit_no_output(guest):
    guest.give_credit = False
    stream, result = guest.start("cat", "/dev/zero")
    guest.wait(lambda: len(result.stdout) == frames.WINDOW)
    guest.quiet(0.5)
    assert len(result.stdout) == frames.WINDOW
    assert bytes(guest.run("echo", "other").stdout) == b"other\n"
    guest.send(frames.credit(stream, frames.STDOUT, 1000))
    guest.wait(lambda: len(result.stdout) == frames.WINDOW + 1000)
    guest.quiet(0.2)
    assert len(result.stdout) == frames.WINDOW + 1000
    guest.send(frames.frame(frames.KILL, stream))
    assert guest.finish(stream).value == signal.SIGKILL


def test_the_end_of_the_output_waits_for_credit(guest):
    guest.give_credit = False
    stream, result = guest.start("head", "-c", str(frames.WINDOW + 5000), "/dev/zero")
    guest.wait(lambda: len(result.stdout) == frames.WINDOW)
    guest.quiet(0.5)
    assert not result.over
    guest.send(frames.credit(stream, frames.STDOUT, 1 << 31) + frames.credit(stream, frames.STDOUT, (1 << 32) - 1))
    guest.finish(stream)
    assert (len(result.stdout), result.value) == (frames.WINDOW + 5000, 0)


def test_kill_ends_a_command_that_waits_for_credit(guest):
    guest.give_credit = False
    stream, result = guest.start("head", "-c", str(frames.WINDOW + 5000), "/dev/zero")
    guest.wait(lambda: len(result.stdout) == frames.WINDOW)
    guest.quiet(0.5)
    guest.send(frames.frame(frames.KILL, stream))
    assert guest.finish(stream).value == 0


def test_a_background_child_does_not_hold_the_command(guest):
    begun = time.monotonic()
    result = guest.run("/bin/sh", "-c", "cp /bin/sleep /tmp/holder; /tmp/holder 600 & echo done")
    assert bytes(result.stdout) == b"done\n" and time.monotonic() - begun < 30
    assert not no_such_process(guest, "holder"), "it lives on"
    output(guest, "kill $(grep -lx holder /proc/[0-9]*/comm | cut -d/ -f3)")


def test_a_chattering_background_child_does_not_hold_the_command(guest):
    result = guest.run("/bin/sh", "-c", "yes & sleep 0.2; echo $! >&2")
    assert result.value == 0
    output(guest, f"kill -9 {int(result.stderr)} 2>/dev/null || true")


def test_kill_takes_everything(guest):
    stream, result = guest.start("/bin/sh", "-c", "cp /bin/sleep /tmp/victim; (setsid /tmp/victim 600 &); "
                                 "setsid sh -c '(trap \"\" TERM HUP; /tmp/victim 600 &)'; echo up; /tmp/victim 600")
    guest.wait(lambda: result.stdout)
    guest.send(frames.frame(frames.KILL, stream))
    guest.finish(stream)
    assert (result.kind, result.value) == (frames.EXIT_SIGNAL, signal.SIGKILL)
    assert no_such_process(guest, "victim")


def test_empty_cgroups_are_removed(guest):
    assert output(guest, "ls -d /sys/fs/cgroup/pyro/*/ | wc -l") == "1\n"


def test_the_agent_keeps_nothing_of_commands(guest):
    before = output(guest, "ls /proc/1/fd | wc -l")
    for _ in range(5):
        guest.run("/no/such", stdin=True)
        guest.run("/bin/true", stdin=True)
        guest.run("/bin/true", directory="/no/such")
    assert output(guest, "ls /proc/1/fd | wc -l") == before


def test_orphans_are_reaped(guest):
    output(guest, "for i in 1 2 3 4 5; do (sh -c 'sleep 0.05' &) ; done; sleep 0.5")
    assert output(guest, "cat /proc/[0-9]*/stat | awk '$3 == \"Z\"' | wc -l") == "0\n"


def test_many_commands_at_once(guest):
    streams = [guest.start("/bin/sh", "-c", f"echo {n}; exit {n}")[0] for n in range(40)]
    for n, stream in enumerate(streams):
        result = guest.finish(stream)
        assert (bytes(result.stdout), result.value) == (f"{n}\n".encode(), n)


def test_more_commands_than_the_agent_runs(guest):
    streams = [guest.start("sleep", "1000")[0] for _ in range(257)]
    assert guest.finish(streams[-1]).value == errno.EAGAIN
    for stream in streams[:-1]:
        guest.send(frames.frame(frames.KILL, stream))
    for stream in streams[:-1]:
        assert guest.finish(stream, 120).value == signal.SIGKILL


def test_two_fat_outputs_share_the_port(guest):
    one, two = (guest.start("head", "-c", "20000000", "/dev/zero")[0] for _ in range(2))
    quick = guest.run("echo", "quick")
    assert bytes(quick.stdout) == b"quick\n"
    assert len(guest.finish(one).stdout) == len(guest.finish(two).stdout) == 20000000


def test_a_large_command_line(guest):
    words = ["x" * 12000] * 5
    assert output(guest, 'printf "%s" "$@" | wc -c', environment=["X=" + "y" * 1000]) == "0\n"
    assert bytes(guest.run("/bin/sh", "-c", 'printf %s "$@" | wc -c', "sh", *words).stdout) == b"60000\n"


def test_frames_for_a_finished_command_mean_nothing(guest):
    stream, _ = guest.start("/bin/true", stdin=True)
    guest.finish(stream)
    guest.send(frames.frame(frames.KILL, stream) + frames.credit(stream, frames.STDOUT, 10)
               + frames.frame(frames.DATA, stream, frames.STDIN, b"late"))
    assert guest.run("/bin/true").value == 0


def test_file_systems(guest):
    types = dict(line.split()[1:3] for line in output(guest, "cat /proc/mounts").splitlines())
    assert {types[path] for path in ("/dev", "/proc", "/sys", "/dev/pts", "/dev/shm", "/run", "/sys/fs/cgroup", "/")} == {
        "devtmpfs", "proc", "sysfs", "devpts", "tmpfs", "cgroup2", "ext4"}
    assert int(output(guest, "df --output=size -k / | tail -1")) > 14 << 20
    assert output(guest, "cat /sys/class/net/lo/flags") == "0x9\n"


def test_without_a_card_there_is_no_network(guest):
    assert output(guest, "ls /sys/class/net; cat /etc/resolv.conf") == "lo\n"
    assert guest.setup(network=NETWORK) == (errno.ENODEV, "network")
    assert guest.run("/bin/true").value == errno.EPERM, "a SETUP that failed is not in force"
    assert guest.setup() == (0, "")


def identity(guest):
    """Host name by file and by kernel, what it resolves to, lines in /etc/hosts for it, machine id."""
    return output(guest, "cat /etc/hostname; uname -n; getent hosts $(uname -n) | cut -d' ' -f1; grep -c ^127.0.1.1 /etc/hosts;"
                         "cat /etc/machine-id").split()


def test_a_sealed_guest_keeps_nothing_of_before(guest):
    left = "/tmp/left /var/tmp/left /run/left/deep /run/lock/left /dev/shm/left /root/.bash_history"
    output(guest, f"mkdir -p /run/left; touch {left}; mkdir -p /tmp/a/b; cp /bin/sleep /tmp/lurker; (setsid /tmp/lurker 600 &);"
                  "(setsid sh -c 'echo 0 > /sys/fs/cgroup/cgroup.procs; exec /tmp/lurker 600' &)")
    _, victim = guest.start("sleep", "1000")
    guest.wait(lambda: victim.pid)
    guest.seal()
    result = guest.run("/bin/true")
    assert (result.kind, result.value) == (frames.EXIT_UNSTARTED, errno.EPERM)
    assert guest.setup() == (0, "")
    assert output(guest, f"ls -d {left} 2>/dev/null; ls -A /tmp /var/tmp /dev/shm /run/lock | grep -v -e ^/ -e '^$'; true") == ""
    assert output(guest, "stat -c %a /run/lock; ls /run; ls -d /sys/fs/cgroup/pyro/*/ | wc -l").split() == ["1777", "lock", "1"]
    assert no_such_process(guest, "lurker") and no_such_process(guest, "sleep") and not victim.over


def test_a_sealed_guest_gets_its_identity(guest):
    for name in ("guest-two", "a-longer-name"):  # as long as the one before, which is overwritten in place; and not
        assert guest.setup("guest-one") == (0, "")
        before = identity(guest)
        guest.seal()
        assert guest.setup(name) == (0, "")
        output(guest, "sync; echo 3 > /proc/sys/vm/drop_caches")  # it is on the disk too
        after = identity(guest)
        assert after[:4] == [name, name, "127.0.1.1", "1"]
        assert len(after[4]) == 32 and after[4] != before[4]
    assert guest.setup("guest-one") == (0, "")
    assert identity(guest)[0] == "guest-one"


def meddle(guest, what):
    """A process in the background does something to the cgroup that lies ready for the next command, as soon as there is one."""
    before = guest.console_text().count("meddled")
    script = ("own=/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/; until c=$(ls -d /sys/fs/cgroup/pyro/*/ | grep -vxF $own) && [ \"$c\" ];"
              " do sleep 0.05; done; { %s; } && echo meddled >/dev/console")  # fmt: skip
    output(guest, "setsid sh -c '%s' >/dev/null 2>&1 &" % (script % what))
    deadline = time.monotonic() + bare_guest.ANSWER_SECONDS
    while guest.console_text().count("meddled") == before:
        assert time.monotonic() < deadline, "nothing lies ready"
        time.sleep(0.01)


@pytest.mark.parametrize("what", ["rmdir $c", "cd /sys/fs/cgroup && echo +pids > cgroup.subtree_control && echo +pids > pyro/cgroup.subtree_control && echo 0 > $c/pids.max",
                                  "{ sleep 1000 & } && echo $! > $c/cgroup.procs"])
def test_somebody_meddles_with_the_cgroup_of_the_next_command(guest, what):
    """Nothing worse than the ordinary way may come of it."""
    meddle(guest, what)
    for _ in range(3):
        assert output(guest, "echo alive") == "alive\n"
    guest.seal()
    assert guest.setup() == (0, "")
    assert output(guest, "ls -d /sys/fs/cgroup/pyro/*/ | wc -l") == "1\n"


def test_commands_start_clean(guest):
    """A command sees no process but init, itself and what runs, nothing of another's descriptors, and two at once work."""
    parents = "cat /proc/[0-9]*/stat | grep -v ' 2 0 0 0 -1 ' | cut -d' ' -f2,4"
    for _ in range(2):
        guest.seal()
        assert guest.setup() == (0, "")
        stream, result = guest.start("cat", stdin=True)
        children = [line.split()[0] for line in output(guest, parents).splitlines() if line.endswith(" 1")]
        assert sorted(children) == ["(cat)", "(sh)"]
        guest.write(stream, b"hello")
        assert (guest.finish(stream).value, bytes(result.stdout)) == (0, b"hello")
        assert output(guest, "wc -c") == "0\n", "nobody holds its stdin open"
    assert output(guest, "ls /proc/self/fd; grep -E '^Sig(Blk|Ign)' /proc/self/status; chrt -p $$ | grep -o SCHED_.*").split() == [
        "0", "1", "2", "3", "SigBlk:", "0000000000000000", "SigIgn:", "0000000000000000", "SCHED_OTHER"]  # fmt: skip
    assert len(set(output(guest, "ps -o sid=,pgid=,pid= -p $$").split())) == 1, "it leads a session of its own"


def test_the_clock_follows_the_host(guest):
    second = 10**9

    def ahead():
        return (int(output(guest, "date +%s%N")) - time.time_ns()) / second

    def slewing_us():  # adjtimex(ADJ_OFFSET_SS_READ)
        return int(output(guest, """perl -e '$t = pack("L x4 q x256", 0xa001, 0); syscall(159, $t); print unpack("x8 q", $t)'"""))

    guest.send(frames.clock(time.time_ns() + 3600 * second, frames.CLOCK_STEP))
    assert abs(ahead() - 3600) < 10
    guest.send(frames.clock(time.time_ns(), frames.CLOCK_ADJUST))
    assert abs(ahead() - 3600) < 10 and slewing_us() == 0, "that is no drift: somebody wanted it"
    guest.send(frames.clock(time.time_ns(), frames.CLOCK_STEP))
    assert abs(ahead()) < 10

    def slews():
        now = time.time_ns() + int(ahead() * second)
        guest.send(frames.clock(now + second // 2, frames.CLOCK_ADJUST))
        return abs(ahead()) < 10 and 0 < slewing_us() < second

    wait_until(slews, 60, "a guest that adjusts its clock; on a busy host it may hear of the time too late,")
    assert guest.setup() == (0, "")


def test_garbage_ends_the_vm(guest):
    guest.send(b"GET / HTTP/1.1\r\nHost: nobody\r\n\r\n")
    with pytest.raises((EOFError, ConnectionResetError)):
        guest.wait(lambda: False)
    assert guest.qemu.wait(30) == 0
    assert "pyro-agent: " in guest.console.read_text()


def assert_network(guest):
    """It is as NETWORK has it, and nothing is left of another one."""
    assert output(guest, "cat /sys/class/net/eth0/address /etc/resolv.conf") == "02:70:79:72:6f:31\nnameserver 10.12.0.3\n"
    routes = [line.split() for line in output(guest, "cat /proc/net/route").splitlines()[1:]]
    assert sorted((r[1], r[2], r[7]) for r in routes) == [("00000000", "01000C0A", "00000000"), ("00000C0A", "00000000", "00FFFFFF")]
    assert "10.12.0.9" not in output(guest, "cat /proc/net/fib_trie")
    assert output(guest, "cat /proc/net/arp | wc -l") == "1\n"


def test_hosts_come_and_go(tmp_path, installation):
    guest = bare_guest.Guest(installation, tmp_path, path=tmp_path / "socket", network=True)
    try:
        guest.connect()
        guest.vm_frame(frames.READY, bare_guest.BOOT_SECONDS)
        assert guest.setup() == (0, "")
        _, result = guest.start("sleep", "1000")
        guest.wait(lambda: result.pid)
        guest.socket.close()
        time.sleep(1)
        before = guest.cpu_seconds()
        time.sleep(2)
        assert guest.cpu_seconds() - before < 0.5, "an agent without a host must not spin"
        guest.connect()
        guest.vm_frame(frames.READY)
        assert guest.run("/bin/true").value == errno.EPERM, "a new host sets the guest up anew"
        other = (b"\x02pyro2", 0x0A0C0009) + NETWORK[2:]
        for networks in ((other, NETWORK), (other, "seal", NETWORK), (other, "seal", NETWORK[:1] + other[1:], NETWORK),
                         (other[:1] + NETWORK[1:], "seal", NETWORK)):
            for network in networks:
                assert guest.seal() is None if network == "seal" else guest.setup(network=network) == (0, "")
            assert_network(guest)
        assert no_such_process(guest, "sleep")
        guest.send(frames.frame(frames.POWEROFF))
        with pytest.raises((EOFError, ConnectionResetError)):
            guest.wait(lambda: False)
        assert guest.qemu.wait(30) == 0
    finally:
        guest.close()
