"""What the agent does for services and shells: terminals, signals, commands that end as a whole, probes. Spoken to frame by frame."""

import signal
import time

import pytest

import frames
from conftest import wait_until
from test_agent_protocol import booted, guest, no_such_process, output, shared  # noqa: F401


class Terminal:
    """A command in a terminal, driven as a person would."""

    def __init__(self, guest, *words, size=(80, 24), **options):
        self.guest = guest
        self.stream, self.result = guest.start(*words, terminal=size, environment=["TERM=xterm", "PS1=$ "], **options)
        self.seen = 0

    def type(self, data):
        self.result.credited = max(self.result.credited, 0)
        self.guest.send(frames.frame(frames.DATA, self.stream, frames.STDIN, data))

    def expect(self, wanted):
        """Waits for it behind what was expected before; all until its end."""
        self.guest.wait(lambda: wanted in self.result.stdout[self.seen:] or self.result.over)
        at = self.result.stdout.find(wanted, self.seen)
        assert at >= 0, (wanted, bytes(self.result.stdout[self.seen:]))
        begun, self.seen = self.seen, at + len(wanted)
        return bytes(self.result.stdout[begun:self.seen])

    def hang_up(self):
        self.guest.send(frames.frame(frames.DATA, self.stream, frames.STDIN))

    def over(self):
        return self.guest.finish(self.stream)


def test_a_shell_in_a_terminal(guest):
    shell = Terminal(guest, "bash", "--norc", size=(101, 37))
    shell.expect(b"$ ")
    shell.type(b"tty; stty size; stty -a | grep -o ' iutf8'; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all\n")
    assert b"/dev/pts/" in shell.expect(b"37 101\r\n iutf8\r\nall\r\n")
    shell.expect(b"$ ")
    guest.send(frames.resize(shell.stream, 120, 30))
    shell.type(b"stty size; sh -c 'trap \"stty size; exit\" WINCH; echo waiting; while :; do sleep 0.1; done'\n")
    shell.expect(b"30 120\r\nwaiting\r\n")
    guest.send(frames.resize(shell.stream, 60, 20))
    shell.expect(b"20 60\r\n")
    shell.expect(b"$ ")
    shell.type(b"sleep 1000\n")
    shell.expect(b"sleep 1000\r\n")
    wait_until(lambda: not no_such_process(guest, "sleep"), 60, "the program")
    guest.send(frames.signal(shell.stream, signal.SIGINT))  # the job's, not the shell's
    shell.expect(b"$ ")
    shell.type(b"echo status $?\n")
    shell.expect(b"status 130\r\n")
    shell.type(b"sleep 1000 & jobs\n")  # job control
    shell.expect(b"Running")
    shell.type(b"exit 7\n")
    assert shell.over().value == 7
    output(guest, "kill $(pidof sleep)")  # what was left in the background stays, as on any machine


def test_the_last_output_of_a_terminal_is_there(guest):
    for _ in range(5):
        run = Terminal(guest, "sh", "-c", "stty -opost; seq 1 20000; printf end").over()
        assert run.value == 0 and bytes(run.stdout) == b"".join(b"%d\n" % n for n in range(1, 20001)) + b"end"


def test_a_terminal_that_is_hung_up(guest):
    shell = Terminal(guest, "sh", "-c", "trap 'echo hup > /tmp/hup; exit 3' HUP; echo ready; while :; do sleep 0.1; done")
    shell.expect(b"ready")
    shell.hang_up()
    assert shell.over().value == 3 and output(guest, "cat /tmp/hup; rm /tmp/hup") == "hup\n"
    interactive = Terminal(guest, "bash", "--norc")
    interactive.expect(b"$ ")
    interactive.type(b"sleep 1001 & nohup sleep 1000 >/dev/null 2>&1 &\n")
    wait_until(lambda: output(guest, "pidof sleep | wc -w") == "2\n", 60, "both")
    interactive.hang_up()
    wait_until(lambda: output(guest, "pidof sleep | wc -w") == "1\n", 60, "the end of the one that does not")
    assert not interactive.result.over, "what ignores it is still there"
    assert output(guest, "cat /proc/$(pidof sleep)/cmdline") == "sleep\0001000\0"
    guest.send(frames.frame(frames.KILL, interactive.stream))
    assert interactive.over() and no_such_process(guest, "sleep")
    deaf = Terminal(guest, "sh", "-c", "trap '' HUP; echo ready; sleep 1000 </dev/null >/dev/null 2>&1")
    deaf.expect(b"ready")
    guest.write(deaf.stream, b"x" * 100000, last=False)  # nobody reads it, and nobody waits for that
    deaf.hang_up()
    before = guest.cpu_seconds()
    assert output(guest, "echo alive") == "alive\n"
    time.sleep(1)
    assert guest.cpu_seconds() - before < 0.8, "the agent waits without using the CPU"
    guest.send(frames.frame(frames.KILL, deaf.stream))
    assert deaf.over().kind == frames.EXIT_SIGNAL


def test_a_program_that_leaves_its_terminal(guest):
    gone = Terminal(guest, "sh", "-c", "exec </dev/null >/dev/null 2>&1; sleep 1.5; exit 5")
    before = guest.cpu_seconds()
    assert gone.over().value == 5 and guest.cpu_seconds() - before < 1.2


def test_much_input_for_a_terminal(guest):
    """What a program does not read yet waits, and none of it is lost."""
    shell = Terminal(guest, "sh", "-c", "stty raw -echo; echo ready; sleep 0.5; head -c 300000 | cksum")
    shell.expect(b"ready\n")
    line = b"0123456789abcde\n"
    guest.write(shell.stream, (line * 20000)[:300000], last=False)
    text = bytes(shell.over().stdout).split()
    assert text[-2:] == output(guest, "yes 0123456789abcde | head -c 300000 | cksum").encode().split()


def test_signals_go_to_all_that_a_command_has_started(guest):
    script = "trap 'echo told' TERM; (trap 'echo told; exit' TERM; setsid sleep 1000 & wait) & sleep 1000 & wait; wait; exit 4"
    stream, result = guest.start("sh", "-c", script)
    guest.wait(lambda: result.pid)
    time.sleep(0.5)
    guest.send(frames.signal(stream, signal.SIGTERM))
    assert guest.finish(stream).value == 4 and bytes(result.stdout) == b"told\n" * 2
    assert no_such_process(guest, "sleep")
    stream, result = guest.start("sleep", "1000")
    for nonsense in (0, 65, 2**32 - 1):
        guest.send(frames.signal(stream, nonsense))
    guest.send(frames.signal(stream, signal.SIGUSR1))
    assert (guest.finish(stream).kind, result.value) == (frames.EXIT_SIGNAL, signal.SIGUSR1)


def test_a_command_that_is_asked_to_end(guest):
    """Its process ends at once, what that has started takes a moment: EXITED tells that all is over, or KILL ends it."""
    for seconds, killed in ((0.7, False), (1000, True)):
        script = f"trap 'exit 4' TERM; sh -c \"trap '' TERM; echo up; sleep {seconds}; echo down\" & wait"
        stream, result = guest.start("sh", "-c", script, whole=True)
        guest.wait(lambda: b"up" in result.stdout)
        guest.send(frames.signal(stream, signal.SIGTERM))
        if killed:
            guest.quiet(0.5)
            assert not result.over
            guest.send(frames.frame(frames.KILL, stream))
        assert guest.finish(stream).value == 4 and bytes(result.stdout) == (b"up\n" if killed else b"up\ndown\n")
        assert no_such_process(guest, "sleep")


def test_a_command_that_ends_as_a_whole(guest):
    for whole in (True, False):
        assert guest.run("sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & exit 6", whole=whole).value == 6
        assert no_such_process(guest, "sleep") == whole
    output(guest, "kill $(pidof sleep)")


def probe(guest, kind, target, interval=100, limit=400, **options):
    result = guest.run("probe", kind, target, str(interval), str(limit), own=True, **options)
    return result.value, bytes(result.stderr).decode()


def test_probes(guest):
    assert probe(guest, "file", "/etc/passwd", limit=20000) == (0, "")
    assert probe(guest, "file", "passwd", limit=20000, directory="/etc") == (0, "")
    status, said = probe(guest, "file", "/nothing")
    assert status == 1 and said == "not ready after 400 ms: /nothing: No such file or directory\n"
    assert probe(guest, "tcp", "127.0.0.1:9")[1].endswith("127.0.0.1 port 9: Connection refused\n")
    assert "is not HOST:PORT" in probe(guest, "tcp", "nonsense")[1]
    assert "is not http://" in probe(guest, "http", "https://localhost/")[1]
    assert probe(guest, "command", "test $HOME = /root && type ls", limit=20000) == (0, "")
    assert probe(guest, "command", "echo why; exit 3", limit=3000)[1].endswith("the command exits with 3: why \n")
    assert "took too long" in probe(guest, "command", "sleep 1000")[1] and no_such_process(guest, "sleep")
    assert "there is no probe" in probe(guest, "nonsense", "x")[1]


def test_probes_wait_as_long_as_they_may(guest):
    output(guest, "(sleep 1; touch /tmp/late) >/dev/null 2>&1 &")
    begun = time.monotonic()
    assert probe(guest, "file", "/tmp/late", interval=50, limit=20000) == (0, "")
    assert time.monotonic() - begun < 10
    counted = "echo x >> /tmp/counted; false"
    assert probe(guest, "command", counted, interval=500, limit=4000)[0] == 1
    assert 2 <= int(output(guest, "wc -l < /tmp/counted; rm /tmp/counted /tmp/late")) <= 8
    begun = time.monotonic()
    assert probe(guest, "file", "/nothing", interval=3600000, limit=1500)[0] == 1
    assert time.monotonic() - begun > 1.4, "the last look is at the limit"


def test_probes_of_a_busy_guest(guest):
    """Looks that take longer than their interval, and are put off in the middle."""
    for _ in range(4):
        guest.start("sh", "-c", "while :; do :; done")
    for limit in (1500, 3000):
        assert probe(guest, "file", "/nothing", interval=1, limit=limit)[1].startswith(f"not ready after {limit} ms"), limit
    assert probe(guest, "command", "exec >/dev/null 2>&1; sleep 1000", interval=1)[1].endswith("the command took too long\n")


def test_probes_of_a_web_server(guest):
    """The server is a few lines of perl, the guest has no other; it says what the path tells it to."""
    server = ("perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 5, LocalPort => 8000, ReuseAddr => 1) or die; while ($c = $s->accept) "
              "{ ($said) = <$c> =~ m{^GET /(\\S+)}; $said =~ tr/_/ /; print $c \"$said\\r\\n\\r\\n\"; close $c }'")  # fmt: skip
    stream, _ = guest.start("sh", "-c", server, whole=True)
    came_up = probe(guest, "tcp", "localhost:8000", limit=60000)
    assert came_up == (0, ""), (came_up, bytes(guest.results[stream].stderr), guest.results[stream].over)
    for answer, status in (("HTTP/1.0_204_No_Content", 0), ("HTTP/1.1_302_Found", 0), ("HTTP/1.1_503_No", 1), ("SSH-2.0", 1)):
        got, said = probe(guest, "http", f"http://127.0.0.1:8000/{answer}", limit=20000 if status == 0 else 500)
        assert got == status, said
    guest.send(frames.frame(frames.KILL, stream))
    guest.finish(stream)
