"""Services: ready or gone, apart from their clients, with logs that stay small."""

import contextlib
import json
import os
import signal
import subprocess
import time

import pytest

import frames
from conftest import wait_until
from test_hostile_client import Client
from workspaces import project, workspace  # noqa: F401

ATTACH, REQUEST, ANSWER = 23, 24, 25

# The guest has no web server: a few lines of perl answer on a port. They tell both streams, and end on SIGTERM.
SERVER = """use IO::Socket::INET; $| = 1; select(STDERR); $| = 1; select(STDOUT);
$SIG{TERM} = sub { print "bye\\n"; exit 7 };
sleep $ARGV[1] if $ARGV[1]; my $s = IO::Socket::INET->new(Listen => 20, LocalPort => $ARGV[0], ReuseAddr => 1) or die "no port";
print "up\\n"; print STDERR "port $ARGV[0]\\n";
while (1) { my $c = $s->accept or next; my $l = <$c>; print "got $l" if $l; print $c "HTTP/1.0 200 OK\\r\\n\\r\\nhello\\n"; close $c }"""


class Services:
    def __init__(self, one):
        self.one = one

    def run(self, verb, name, *words, **keywords):
        return self.one.pyro.run("workspace", "service", verb, self.one.id, name, *map(str, words), **keywords)

    def json(self, verb, name, *words):
        """With --json before the words, which may be a command."""
        result = self.run(verb, name, "--json", *words)
        assert result.returncode == 0, result.stdout.decode() + result.stderr.decode()
        return json.loads(result.stdout)

    def error(self, verb, name, *words):
        result = self.run(verb, name, "--json", *words)
        assert result.returncode != 0
        return json.loads(result.stdout)["error"]

    def start(self, name, *words):
        return self.json("start", name, *words)

    def server(self, name, port, *flags, delay=0):
        return self.json("start", name, "--ready-tcp", f"127.0.0.1:{port}", "--ready-interval-ms", 50, *flags, "--", "perl", "-e", SERVER, port, delay)

    def list(self):
        return self.one.json("service list")

    def counts(self):
        status = self.one.json("status")
        return status["service_count"], status["running_service_count"]

    def text(self, script):
        return self.one.exec("sh", "-c", script).stdout.decode()

    def no_process(self, name):
        return self.text(f"cat /proc/[0-9]*/comm 2>/dev/null | grep -cx {name} || true").strip() == "0"


@pytest.fixture
def services(workspace):
    return Services(workspace())


def test_a_service_from_start_to_stop(services):
    web = services.server("web", 8000, "--cwd", "/tmp", delay=1)
    assert web["state"] == "running" and web["pid"] > 1 and web["exit_code"] is None and web["cwd"] == "/tmp"
    assert web["readiness"] == {"type": "tcp", "address": "127.0.0.1:8000"} and web["started_at"] + 0.9 <= web["ready_at"]
    assert services.counts() == (1, 1)
    assert "hello" in services.one.exec("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8000; echo GET / >&3; cat <&3").stdout.decode()
    assert services.json("status", "web") == web
    listed = services.list()
    assert (listed["count"], listed["running_count"], listed["services"]) == (1, 1, [web])
    logs = services.json("logs", "web")
    assert (logs["stdout"], logs["stderr"], logs["truncated"], logs["tail_lines"]) == ("up\ngot GET /\n", "port 8000\n", False, 200)
    assert services.json("logs", "web", "--tail-lines", 1)["stdout"] == "got GET /\n"
    again = services.error("start", "web", "--", "true")
    assert again["code"] == "wrong_state" and "running already" in again["message"] and again["field"] == "service_name"
    assert not services.one.json("diff")["changed"], "what it wrote is kept outside of /workspace"

    stopped = services.json("stop", "web")
    assert (stopped["state"], stopped["exit_code"], stopped["stop_reason"], stopped["was_running"]) == ("stopped", 7, "stopped by request", True)
    assert stopped["ready_at"] <= stopped["ended_at"] and services.counts() == (1, 0)
    twice = services.json("stop", "web")
    assert twice == {**stopped, "was_running": False}
    assert services.run("stop", "web").stdout == b"web was stopped before, exit status 7\n"
    assert services.json("logs", "web", "--all")["stdout"].endswith("bye\n")
    assert services.server("web", 8000)["state"] == "running", "its name is free again"
    assert services.json("logs", "web")["stdout"] == "up\n", "and its logs begin anew"


def test_one_that_does_not_come_up_leaves_nothing(services):
    begun = time.monotonic()
    ended = services.error("start", "early", "--ready-file", "/never", "--ready-timeout-seconds", 600, "--", "sh", "-c",
                           "setsid sleep 1000 & echo out; echo what is wrong >&2; exit 3")  # fmt: skip
    assert time.monotonic() - begun < 60, "its end is not waited for until the time limit"
    assert ended["code"] == "service_failed" and "exit status 3" in ended["message"] and "what is wrong" in ended["message"]
    assert services.no_process("sleep")
    record = services.json("status", "early")
    assert (record["state"], record["exit_code"], record["ready_at"]) == ("failed", 3, None)
    late = services.error("start", "late", "--ready-command", "echo not yet; false", "--ready-timeout-seconds", 1, "--ready-interval-ms", 100,
                          "--", "sh", "-c", "trap '' TERM; setsid sleep 1000 & echo waiting; wait; sleep 1000")  # fmt: skip
    assert "not ready after 1000 ms: the command exits with 1: not yet" in late["message"] and "waiting" in late["message"]
    assert services.no_process("sleep") and services.json("status", "late")["state"] == "failed"
    told = services.error("start", "verbose", "--ready-command", "head -c 400 /dev/zero | tr '\\0' .; echo REASON; false", "--ready-timeout-seconds", 1, "--", "sleep", "1000")
    assert ".REASON" in told["message"], "of a long answer the end is kept"
    missing = services.error("start", "missing", "--ready-tcp", "localhost:80", "--", "/no/such/program")
    assert "could not be started" in missing["message"] and services.json("status", "missing")["exit_code"] == 127
    assert missing["field"] == "command" and "could not be started: /no/such/program: No such file" in missing["message"]
    lost = services.error("start", "lost", "--cwd", "nowhere", "--", "true")
    assert lost["field"] == "cwd" and "could not be started: working directory /workspace/nowhere: No such file" in lost["message"]
    assert services.counts() == (5, 0)


def test_what_cannot_be_asked(services):
    for name in ("-x", ".hidden", "a/b", "x" * 65, "ü"):
        assert services.run("start", name, "--", "true").returncode == 2
    assert services.error("start", "x", "--ready-tcp", "8000", "--", "true")["field"] == "readiness"
    assert "http://" in services.error("start", "x", "--ready-http", "https://localhost/", "--", "true")["message"]
    both = services.run("start", "x", "--ready-tcp", "a:1", "--ready-file", "/x", "--", "true")
    assert both.returncode == 2 and b"--ready-tcp" in both.stderr and b"--ready-file" in both.stderr
    long = services.start("long", "--", "sh", "-c", "exec sleep 1000", "ä" * 20000)
    assert long["command"].endswith("ä…") and len(long["command"]) < 5000 and services.json("stop", "long")["was_running"]
    assert "longer than" in services.error("start", "x", "--ready-command", "true" + " " * 70000, "--", "true")["message"]
    for verb in ("status", "logs", "stop"):
        assert services.error(verb, "nobody")["code"] == "unknown_service"
    assert services.run("logs", "nobody").returncode == 2
    nowhere = services.one.pyro.run("workspace", "service", "list", "ws-" + "0" * 32)
    assert nowhere.returncode == 2 and b"no workspace has the id" in nowhere.stderr
    assert services.counts() == (1, 0)


def test_ends_that_nobody_asked_for(services):
    """From inside the guest; of a tree that does not listen to SIGTERM; with a zombie in it."""
    one = services.start("killed", "--", "sh", "-c", "sleep 1000 & exec sleep 2000")
    services.text(f"kill -9 {one['pid']}; while kill -0 {one['pid']} 2>/dev/null; do :; done")
    assert services.counts() == (1, 0), "when the guest does not see it any more, nobody does"
    record = services.json("status", "killed")
    assert (record["state"], record["exit_code"]) == ("exited", 137) and "signal 9 (SIGKILL)" in record["stop_reason"]
    assert services.no_process("sleep"), "what it had started went with it"
    told = services.json("stop", "killed")
    assert (told["state"], told["was_running"]) == ("exited", False)
    assert b"had ended before" in services.run("stop", "killed").stdout
    services.start("deaf", "--", "sh", "-c", "trap '' TERM; while :; do sleep 1000; done")
    begun = time.monotonic()
    deaf = services.json("stop", "deaf", "--grace-seconds", 1)
    assert (deaf["state"], deaf["exit_code"]) == ("stopped", 137) and 1 <= time.monotonic() - begun < 20
    services.start("zombie", "--ready-file", "/tmp/up", "--", "perl", "-e",
                   "exit 0 unless fork; $SIG{TERM} = sub { exit 4 }; open F, q(>/tmp/up); sleep 1000 while 1")  # fmt: skip
    begun = time.monotonic()
    assert services.json("stop", "zombie", "--grace-seconds", 300)["exit_code"] == 4 and time.monotonic() - begun < 100
    services.start("wrapped", "--", "sh", "-c", "perl -e '$SIG{TERM} = sub { sleep 1; print qq(saved\\n); exit }; $| = 1; print qq(up\\n); sleep 1000' & wait")
    wait_until(lambda: services.json("logs", "wrapped")["stdout"] == "up\n", 20, "its start")
    services.json("stop", "wrapped")
    assert services.json("logs", "wrapped")["stdout"] == "up\nsaved\n", "a child is given its time, though its parent ends at once"


def test_ends_that_no_signal_tells(services):
    """A zombie that belongs to its tracer, one whose parent has left, a process that was stopped: no stop waits for them in vain."""
    traced = services.start("traced", "--", "sleep", "1000")
    tracer = f"perl -e '$| = 1; print syscall(101, 0x4206, {traced['pid']}, 0, 0) == 0 ? qq(traced\\n) : die; sleep 1000'"  # PTRACE_SEIZE
    services.start("tracer", "--", "sh", "-c", tracer)
    wait_until(lambda: services.json("logs", "tracer")["stdout"] == "traced\n", 20, "the tracer")
    begun = time.monotonic()
    stopped = services.json("stop", "traced", "--grace-seconds", 1)
    assert (stopped["state"], stopped["exit_code"]) == ("stopped", 137) and time.monotonic() - begun < 30
    assert services.counts() == (2, 1), "nobody else went with it"
    services.start("left", "--ready-file", "/tmp/left", "--", "sh", "-c", "perl -e 'unless (fork) { sleep 1000; exit } open F, q(>/sys/fs/cgroup/cgroup.procs);"
                   " syswrite F, $$; close F; $SIG{TERM} = q(IGNORE); open F, q(>/tmp/left); sleep 1000 while 1' & sleep 1000")  # fmt: skip
    begun = time.monotonic()
    services.json("stop", "left", "--grace-seconds", 300)
    assert time.monotonic() - begun < 60
    services.start("halted", "--ready-file", "/tmp/halted", "--", "perl", "-e", "$SIG{TERM} = sub { exit 6 }; open F, q(>/tmp/halted); kill STOP, $$; sleep 1000 while 1")
    assert services.json("stop", "halted", "--grace-seconds", 300)["exit_code"] == 6, "who is stopped is let go on to hear of it"
    services.start("slow", "--", "sh", "-c", "trap '' TERM; while :; do sleep 1000; done")
    first = services.one.pyro.popen("workspace", "service", "stop", services.one.id, "slow", "--grace-seconds", "3600")
    time.sleep(1)
    services.json("stop", "slow", "--grace-seconds", 0)
    assert first.wait(timeout=30) == 0, "whoever is in more of a hurry decides"
    assert services.one.exec("echo", "alive").stdout == b"alive\n"


# Makes cgroups below its own, two levels deep, and a process in each.
NESTED = """open F, q(/proc/self/cgroup); my ($own) = <F> =~ /^0::(.*)/; my $at = qq(/sys/fs/cgroup$own);
$| = 1;
for my $level (1, 2) { $at .= qq(/sub); mkdir $at or die; next if fork;
  open F, qq(>$at/cgroup.procs); syswrite F, $$; close F; $SIG{TERM} = sub { print qq(level $level\\n); exit }; print qq(up\\n); sleep 1000 }
$SIG{TERM} = sub { exit 5 }; sleep 1000"""


def test_stop_reaches_cgroups_below(services):
    """A service that makes cgroups of its own: TERM for all, and none of them stays."""
    services.start("nested", "--", "perl", "-e", NESTED)
    wait_until(lambda: services.json("logs", "nested")["stdout"] == "up\nup\n", 20, "both processes")
    assert services.text("cat /sys/fs/cgroup/pyro/*/sub/sub/cgroup.procs | wc -l").strip() == "1"
    stopped = services.json("stop", "nested", "--grace-seconds", 300)
    assert (stopped["state"], stopped["exit_code"]) == ("stopped", 5), stopped
    assert sorted(services.json("logs", "nested")["stdout"].split("\n"))[1:] == ["level 1", "level 2", "up", "up"]
    assert services.text("ls -d /sys/fs/cgroup/pyro/*/sub | wc -l").strip() == "0"
    own = "C=/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup); mkdir $C/sub; "
    services.text(own + "mkdir $C/sub/sub")
    assert services.text("ls -d /sys/fs/cgroup/pyro/*/sub | wc -l").strip() == "0", "a command's neither"
    assert "Resource temporarily" in services.text(own + "cd $C; for i in $(seq 40); do cd sub; mkdir sub 2>&1 || break; done"), "they are not made without end"


# A file system that takes what it is asked and never answers, as sshfs without a network: mount(2), FUSE_INIT, and silence.
HUNG = """use Fcntl; sysopen(F, "/dev/fuse", O_RDWR) or die; my $fd = fileno F; my ($name, $at) = ("fuse", "/mnt");
my $options = "fd=$fd,rootmode=40000,user_id=0,group_id=0";
syscall(165, $name, $at, $name, 0, $options) == 0 or die; sysread(F, my $asked, 65536); my (undef, undef, $unique) = unpack("LLQ", $asked);
syswrite(F, pack("LlQ L4 S2 L2 S2 L8", 80, 0, $unique, 7, 31, 131072, 0, 12, 10, 4096, 1, 0, 0, (0) x 8)) == 80 or die;
$| = 1; print "mounted\\n"; 1 while sysread(F, $asked, 65536)"""


def test_what_hangs_in_a_guest_does_not_take_the_workspace(services):
    services.text("modprobe fuse")
    services.start("hung", "--", "perl", "-e", HUNG)
    wait_until(lambda: services.json("logs", "hung")["stdout"] == "mounted\n", 20, "the file system")
    reader = services.one.pyro.popen("workspace", "exec", services.one.id, "--", "sh", "-c", "echo reads; cat; echo end", stdin=subprocess.PIPE)
    assert reader.stdout.readline() == b"reads\n"
    told = services.one.run("exec", "--timeout-seconds", 1, "--", "/mnt/program")
    assert told.returncode == 126 and b"/mnt/program: Operation timed out" in told.stderr
    assert reader.communicate(b"all\n", timeout=30)[0] == b"all\nend\n", "nobody has a copy of its stdin"
    lost = services.error("start", "lost", "--cwd", "/mnt/there", "--ready-file", "/mnt/there/too", "--", "true")
    assert lost["field"] == "cwd" and "timed out" in lost["message"], lost
    services.text("rm /dev/null; mkfifo /dev/null")
    assert services.json("status", "hung")["state"] == "running" and services.one.exec("echo", "alive").stdout == b"alive\n"
    assert services.json("stop", "hung")["exit_code"] == 143 and services.counts()[1] == 0


def test_what_is_mounted_upon_a_cgroup(services):
    """It is somebody else's: nothing there is removed, or told to end."""
    own = "C=/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup); mkdir $C/sub; "
    services.text(own + "mkdir -p /srv/data/a/b; mount --bind /srv/data $C/sub")
    services.text(own + "mkdir -p /srv/more/a; mount --bind /srv/more $C")
    services.start("other", "--", "sleep", "1000")
    services.start("mounts", "--", "sh", "-c", own + "mount --bind /sys/fs/cgroup/pyro $C/sub; exec sleep 2000")
    services.start("hides", "--", "sh", "-c", own + "mkdir /srv/rubbish; echo x -1 0 >/srv/rubbish/cgroup.procs; mount --bind /srv/rubbish $C; exec sleep 3000")
    wait_until(lambda: services.text("pidof sleep | wc -w").strip() == "3", 20, "all of them")
    for name in ("mounts", "hides"):
        assert services.json("stop", name, "--grace-seconds", 2)["state"] == "stopped"
    assert services.json("status", "other")["state"] == "running"
    assert services.text("ls /srv/data/a /srv/more") == "/srv/data/a:\nb\n\n/srv/more:\na\n"


def test_what_probes_say(services):
    """The last thing that was seen, not that there was no time to see anything."""
    answer = "use IO::Socket::INET; my $s = IO::Socket::INET->new(Listen => 20, LocalPort => %d, ReuseAddr => 1) or die; while (1) { my $c = $s->accept or next; my $l = <$c>; print $c \"%s\"; close $c }"
    limits = ("--ready-timeout-seconds", 1, "--ready-interval-ms", 200)
    for name, port, said, wanted in (("failing", 8010, "HTTP/1.1 500 No\\r\\n\\r\\n", "answers with status 500"), ("garbled", 8011, "SSH-2.0-x\\r\\n", "no HTTP")):
        services.start(name, "--ready-tcp", f"127.0.0.1:{port}", "--", "perl", "-e", answer % (port, said))
        told = services.error("start", "needs-" + name, "--ready-http", f"http://127.0.0.1:{port}/", *limits, "--", "sleep", "1000")
        assert wanted in told["message"], told
    asked = services.start("asked", "--ready-http", "http://127.0.0.1:8012?a=b#c", "--", "perl", "-e", SERVER, 8012, 0)
    assert asked["state"] == "running" and "got GET /?a=b HTTP/1.1" in services.json("logs", "asked")["stdout"]
    begun = time.monotonic()
    services.start("behind", "--ready-command", "echo yes; sleep 1000 & exit 0", "--ready-timeout-seconds", 300, "--", "sleep", "2000")
    assert time.monotonic() - begun < 60, "what a probe leaves behind is not waited for"
    assert services.text("pidof sleep | wc -w").strip() == "1", "and goes"
    told = services.error("start", "binary", "--ready-file", "/never", "--", "sh", "-c", r"printf 'a\0b\nreal error\n' >&2; exit 1")
    assert "real error" in told["message"]
    for flag, target in (("--ready-tcp", "127.0.0.1:99999"), ("--ready-tcp", "127.0.0.1:0"), ("--ready-tcp", ":80"), ("--ready-tcp", "[::1]]:80"), ("--ready-tcp", "a b:80"), ("--ready-http", "http://"),
                         ("--ready-http", "http://a:80a/"), ("--ready-http", "http://user:pw@a/"), ("--ready-http", "http://a/x y")):  # fmt: skip
        assert services.error("start", "x", flag, target, "--", "true")["field"] == "readiness", target
    silent = "use IO::Socket::INET; my $s = IO::Socket::INET->new(Listen => 20, LocalPort => 8014, ReuseAddr => 1); my @l; push @l, $s->accept while 1"
    told = services.error("start", "silent", "--ready-http", "http://127.0.0.1:8014/", "--ready-timeout-seconds", 3, "--", "perl", "-e", silent)
    assert "8014/: no answer within" in told["message"], "not what was seen before it listened"
    told = services.error("start", "unnamed", "--ready-tcp", "nosuch.host:80", *limits, "--", "sleep", "1000")
    assert "nosuch.host" in told["message"]
    six = services.error("start", "six", "--ready-tcp", "[::1]:8013", *limits, "--", "sleep", "1000")
    assert "::1 port 8013" in six["message"], six


def test_a_name_that_is_started_anew_while_it_is_followed(services):
    """Who follows the first one hears of the first one only."""
    script = "for i in $(seq 1 50); do echo $0 $i; done; exec sleep 1000"
    services.start("web", "--", "sh", "-c", script, "old")
    follower = services.one.pyro.popen("workspace", "service", "logs", services.one.id, "web", "--follow")
    assert [follower.stdout.readline() for _ in range(50)] == [b"old %d\n" % i for i in range(1, 51)]
    follower.send_signal(signal.SIGSTOP)
    services.json("stop", "web")
    services.start("web", "--", "sh", "-c", script.replace("50", "500"), "new")
    follower.send_signal(signal.SIGCONT)
    out, _ = follower.communicate(timeout=30)
    assert follower.returncode == 0 and out == b""


def test_a_follower_that_is_too_slow(services):
    """It hears how much went by, and goes on with a whole line."""
    services.start("fast", "--", "sh", "-c", "seq 1 1000; until [ -e /tmp/go ]; do sleep 0.1; done; seq 1001 3000000; echo end")
    follower = services.one.pyro.popen("workspace", "service", "logs", services.one.id, "fast", "--follow", "--tail-lines", "1000")
    assert [follower.stdout.readline() for _ in range(1000)] == [b"%d\n" % i for i in range(1, 1001)]
    follower.send_signal(signal.SIGSTOP)
    services.text("touch /tmp/go")
    wait_until(lambda: services.json("status", "fast")["state"] == "exited", 60, "the end of it")
    follower.send_signal(signal.SIGCONT)
    gap, *lines = follower.communicate(timeout=60)[0].splitlines()
    first = int(lines[0])
    lost = sum(len(str(i)) + 1 for i in range(1001, first))
    assert gap == b"[pyro: %d bytes are not kept any more]" % lost and first > 1001
    assert lines == [b"%d" % i for i in range(first, 3000001)] + [b"end"]


def test_a_service_that_writes_without_end(services):
    """It costs neither the disk nor the others much; following it tells all that is new."""
    services.start("flood", "--", "sh", "-c", "exec yes flood")
    directory = services.one.pyro.home / "vms" / services.one.vm_id / "services" / "flood"

    def size():
        total = 0
        for path in directory.glob("stdout*"):
            with contextlib.suppress(FileNotFoundError):  # the oldest went in between
                total += path.stat().st_size
        return total

    wait_until(lambda: size() > 16 << 20, 120, "16 MiB of output")
    assert services.one.exec("echo", "alive").stdout == b"alive\n"
    time.sleep(2)
    assert size() < 20 << 20, "the oldest goes"
    logs = services.json("logs", "flood", "--tail-lines", 3)
    assert [line[0] for line in logs["stdout"].split("\n") if line] == ["f"] * 3 and logs["truncated"]
    services.json("stop", "flood")
    everything = services.json("logs", "flood", "--all")
    assert len(everything["stdout"]) >= 16 << 20 and everything["truncated"] and everything["tail_lines"] is None
    services.start("count", "--", "sh", "-c", "i=0; while [ $i -lt 30 ]; do echo $i; echo e$i >&2; i=$((i+1)); sleep 0.1; done; exit 2")
    follow = services.run("logs", "count", "--follow", timeout=60)
    assert follow.returncode == 0 and follow.stdout == b"".join(b"%d\n" % n for n in range(30)) and follow.stderr == b"".join(b"e%d\n" % n for n in range(30))
    assert services.json("status", "count")["state"] == "exited" and services.json("status", "count")["exit_code"] == 2
    assert services.run("logs", "count", "--follow", "--json").returncode == 2


def test_a_client_that_dies_while_it_waits(services):
    process = services.one.pyro.popen("workspace", "service", "start", services.one.id, "slow", "--ready-file", "/never", "--", "sleep", "1000")
    wait_until(lambda: services.list()["count"] == 1, 20, "the start")
    assert services.counts() == (1, 0) and services.json("status", "slow")["state"] == "starting"
    process.kill()
    process.communicate()
    wait_until(lambda: services.json("status", "slow")["state"] == "failed", 20, "its end")
    assert "went away" in services.json("status", "slow")["stop_reason"] and services.no_process("sleep")


@pytest.mark.parametrize("victim", ["qemu-system", "pyro-supervisor"])
def test_services_and_shells_of_a_guest_that_dies(services, victim):
    one, pyro = services.one, services.one.pyro
    services.start("web", "--", "sh", "-c", "echo up; exec sleep 1000")
    shell = json.loads(pyro.run("workspace", "shell", "open", one.id, "--json").stdout)["shell_id"]
    pyro.run("workspace", "shell", "write", one.id, shell, "--input", "echo $((40 + 2))")
    read = lambda: pyro.json("workspace", "shell", "read", one.id, shell)  # noqa: E731
    wait_until(lambda: "42\r\n" in read()["output"], 20, "the answer")
    wait_until(lambda: services.json("logs", "web")["stdout"] == "up\n", 20, "its output")
    os.kill(one.supervisor() if victim == "pyro-supervisor" else pyro.process(victim), signal.SIGKILL)
    wait_until(lambda: one.json("status")["state"] == "failed", 20, "the end of the guest")
    assert services.counts() == (1, 0) and services.list()["running_count"] == 0
    record = services.json("status", "web")
    assert (record["state"], record["exit_code"]) == ("stopped", None) and "guest" in record["stop_reason"]
    assert (record["ended_at"] is None) == (victim == "pyro-supervisor"), "when it ended is known if anybody was left to see it"
    assert services.json("logs", "web")["stdout"] == "up\n"
    assert read()["state"] == "stopped" and "42\r\n" in read()["output"]
    assert services.json("stop", "web")["was_running"] is False
    refused = services.error("start", "other", "--", "true")
    assert refused["code"] == "wrong_state" and "workspace exec" in refused["hint"]
    assert one.exec("true").returncode == 0  # starts it again
    assert services.counts() == (1, 0) and services.json("status", "web")["state"] == "stopped"
    assert services.start("web", "--", "sleep", "1000")["state"] == "running" and services.counts() == (1, 1)
    assert one.json("status")["running_shell_ids"] == []


def test_they_end_before_their_guest_is_powered_off(services):
    """As by a stop: what a service writes down then is there when the guest runs again. What does not end does not keep it."""
    one = services.one
    last = "$SIG{TERM} = sub { open F, q(>/workspace/last); print F qq(saved\\n); close F; print qq(bye\\n); exit 3 }; $| = 1; print qq(up\\n); sleep 1 while 1"
    services.start("web", "--", "perl", "-e", last)
    services.start("deaf", "--ready-file", "/tmp/deaf", "--", "sh", "-c", "trap '' TERM; touch /tmp/deaf; while :; do sleep 1; done")
    shell = json.loads(one.pyro.run("workspace", "shell", "open", one.id, "--json").stdout)["shell_id"]
    wait_until(lambda: services.json("logs", "web")["stdout"] == "up\n", 20, "the service")
    supervisor = one.supervisor()
    os.kill(supervisor, signal.SIGTERM)
    os.kill(supervisor, signal.SIGHUP)  # as systemd sends it behind
    told = one.exec("cat", "last", timeout=60)  # which waits for the end, and starts it again
    assert told.stdout == b"saved\n" and b"started again" in told.stderr, told
    record = services.json("status", "web")
    assert (record["state"], record["exit_code"]) == ("stopped", 3) and "got signal" in record["stop_reason"], record
    assert services.json("logs", "web")["stdout"] == "up\nbye\n" and services.json("status", "deaf")["exit_code"] == 137
    assert one.pyro.json("workspace", "shell", "read", one.id, shell)["state"] == "stopped"


def test_twenty_services_and_twenty_shells(workspace):
    one = workspace(mem_mib=512)
    services = Services(one)
    shells = []
    for number in range(20):
        services.start(f"s{number}", "--ready-file", f"/tmp/{number}", "--ready-interval-ms", 20, "--",
                       "sh", "-c", f"touch /tmp/{number}; exec sleep 1000")  # fmt: skip
        shells.append(json.loads(one.pyro.run("workspace", "shell", "open", one.id, "--json").stdout)["shell_id"])
    assert services.counts() == (20, 20) and one.json("status")["running_shell_ids"] == shells
    for number, shell in enumerate(shells):
        one.pyro.run("workspace", "shell", "write", one.id, shell, "--input", f"echo shell-$(({number} + 100))")
    for number, shell in enumerate(shells):
        wanted = f"shell-{number + 100}\r\n"
        wait_until(lambda s=shell, w=wanted: w in one.pyro.json("workspace", "shell", "read", one.id, s)["output"], 60, "the answer of a shell")
    assert one.exec("echo", "alive").stdout == b"alive\n"


def test_requests_that_make_no_sense(services):
    """Rubbish is cut off or refused; the workspace, its service and the others go on."""
    services.start("web", "--", "sleep", "1000")

    def ask(text, attached=b""):
        client = Client(services.one.pyro, services.one.vm_id)
        client.send((frames.frame(ATTACH, payload=attached) if attached else b"") + frames.frame(REQUEST, 1, payload=text))
        answer = client.next(ANSWER)
        client.close()
        return answer and json.loads(answer[3])

    shell = json.loads(services.one.pyro.run("workspace", "shell", "open", services.one.id, "--json").stdout)["shell_id"]
    for size in (b'"cols": -1, "rows": 24', b'"cols": 80, "rows": 5000'):
        assert "cannot be sent" in ask(b'{"request": "shell_resize", "name": "%s", %s}' % (shell.encode(), size))["error"]["message"]
    for text in (b"{}", b"[1]", b'{"request": "nothing"}', b'{"request": "service_start", "name": "x"}', b'{"request": 7}',
                 b'{"request": "shell_open"}', b'{"request": "shell_write", "name": "../sh-1"}'):  # fmt: skip
        assert "error" in ask(text), text
    for text in (b"{", b'"text"', b"\xff\xff", b'{"a": 1, "a": 2}'):
        assert ask(text) is None, text
    exec_ = frames.execute(1, ["sleep", "1000"])[16:]
    for name in ("../x", "", "a" * 100, "x/y"):
        assert "error" in ask(json.dumps({"request": "service_start", "name": name, "record": {}}).encode(), exec_)
    assert "error" in ask(b'{"request": "service_start", "name": "x", "record": {}}', exec_[:-3])
    assert "error" in ask(b'{"request": "shell_open"}', exec_), "without a terminal"
    flood = Client(services.one.pyro, services.one.vm_id)
    with pytest.raises(OSError):
        for _ in range(1000):
            flood.send(frames.frame(ATTACH, payload=bytes(65536)))
    waiting = Client(services.one.pyro, services.one.vm_id)
    watch = b'{"request": "service_watch", "name": "web", "positions": [0, 0], "wait_ms": 600000}'
    for stream in range(1, 1200):
        waiting.send(frames.frame(REQUEST, stream, payload=watch))
    assert "error" in json.loads(waiting.next(ANSWER)[3]), "there is an end to what can be waited for"
    waiting.close()
    assert services.counts() == (1, 1) and services.json("stop", "web")["was_running"]
