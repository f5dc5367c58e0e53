"""Work that we did not write, done in a guest: what an agent would do with it."""

import json
import subprocess

import pytest

from conftest import COLD, Pyro, end
from workspaces import Shell, Workspace


@pytest.fixture(scope="module")
def machine(home, tmp_path_factory):
    """A workspace with compilers and a network, whose package manager knows what the distribution's mirror has."""
    pyro = Pyro(home, tmp_path_factory.mktemp("logs"))
    pyro.env.update(COLD)  # nothing else has its shape
    one = Workspace(pyro, "--network", mem_mib=1024, environment="debian:12-build")
    yield one
    one.delete()
    pyro.assert_nothing_left()
    end(pyro.processes())


def work(one, script):
    """What the script wrote; it must come to its end."""
    done = one.run("exec", "--timeout-seconds", 1500, "--", "sh", "-ec", script, timeout=1560)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_git_and_python_in_the_default_environment(bare):
    """debian:12 is pulled by the run itself when it is not there."""
    script = """
        set -e
        git init -q repo && cd repo
        git config user.email a@example.org && git config user.name a
        echo 'print(sum(range(10)))' > a.py && git add a.py && git commit -qm first
        git log --format=%s && python3 a.py
        ping -c 1 -W 2 127.0.0.1 >/dev/null && getcap $(command -v ping) | grep -c cap_net_raw"""
    result = bare.run("run", "debian:12", "--", "sh", "-c", script, timeout=900)
    assert result.stdout == b"first\n45\n1\n", result.stderr.decode()
    bare.assert_nothing_left()


def test_a_debian_source_package_builds_and_passes_its_tests(machine):
    """Try::Tiny, fetched from the distribution's mirror, built with dpkg-buildpackage, its suite passed."""
    script = """
        cd /tmp
        apt-get -qq update
        apt-get -qq source libtry-tiny-perl >/dev/null
        apt-get -qq -y build-dep libtry-tiny-perl >/dev/null
        cd libtry-tiny-perl-*/
        dpkg-buildpackage -b -us -uc >../log 2>&1 || { tail -50 ../log >&2; exit 1; }
        grep -c -E '^ *ok [0-9]+' ../log
        grep -E '^not ok|^Result:' ../log
        dpkg -i ../libtry-tiny-perl_*_all.deb >/dev/null
        perl -MTry::Tiny -e 'try { die "works\\n" } catch { print }'"""
    passed, *rest = work(machine, script).splitlines()
    assert int(passed) > 50 and rest == ["Result: PASS", "works"], (passed, rest)


def test_an_upstream_tree_is_changed_in_a_workspace_and_comes_home(machine, tmp_path):
    """bzip2 as its authors released it, from the distribution's mirror: built, tested, broken, and the patch applied at home."""
    work(machine, "cd /workspace && apt-get -qq update && apt-get -qq --download-only source bzip2 >/dev/null && mv bzip2_*.orig.tar.gz bzip2.tar.gz")
    archive, original, home = tmp_path / "bzip2.tar.gz", tmp_path / "original", tmp_path / "home"
    assert machine.run("export", "bzip2.tar.gz", "--output", str(archive)).returncode == 0
    original.mkdir()
    subprocess.run(["tar", "xf", archive, "-C", original], check=True)

    one = Workspace(machine.pyro, "--seed-path", archive, mem_mib=512, environment="debian:12-build")
    work(one, "cd bzip2-* && make -s check >../log 2>&1 || { tail ../log >&2; exit 1; }; rm ../log")
    work(one, "cd bzip2-* && sed -i s/sample1.bz2/sample9.bz2/ Makefile && printf 'no newline' >NEW && rm README && chmod +x CHANGES")
    work(one, "cd bzip2-* && ! make -s check && make -s clean")
    patch = one.run("diff").stdout
    subprocess.run(["git", "apply", "--whitespace=nowarn"], cwd=original, input=patch, check=True)
    assert one.run("export", "/workspace", "--output", str(home)).returncode == 0
    assert subprocess.run(["diff", "-r", original, home]).returncode == 0
    assert [p.stat().st_mode & 0o111 for p in original.glob("*/CHANGES")] == [p.stat().st_mode & 0o111 for p in home.glob("*/CHANGES")]
    assert one.delete().returncode == 0


def test_a_database_as_a_service_and_sessions_of_python_and_gdb(machine):
    """Redis twice, by tcp and by its own client; both interpreters typed into. Redis and gdb come from the distribution's mirror."""
    one, pyro = machine, machine.pyro
    work(one, "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends redis-server gdb >/dev/null 2>&1")
    work(one, "printf 'int main(int argc, char **argv) { return argc + 40; }' >a.c && gcc -g a.c")

    def start(name, port, *ready):
        result = pyro.run("workspace", "service", "start", one.id, name, *ready, "--json", "--", "redis-server", "--port", str(port), "--save", "")
        assert result.returncode == 0, result.stderr.decode()
        return json.loads(result.stdout)

    assert start("by-tcp", 6379, "--ready-tcp", "127.0.0.1:6379")["state"] == "running"
    assert start("by-command", 6380, "--ready-command", "redis-cli -p 6380 ping | grep -q PONG")["ready_at"]
    assert one.exec("sh", "-c", "redis-cli set key value && redis-cli get key && redis-cli -p 6380 exists key").stdout == b"OK\nvalue\n0\n"
    assert "Ready to accept connections" in pyro.json("workspace", "service", "logs", one.id, "by-tcp")["stdout"]
    assert pyro.json("workspace", "service", "stop", one.id, "by-tcp")["exit_code"] == 0, "redis ends in order"

    python = Shell(one)
    python.type("python3 -q")
    python.expect(">>> ")
    python.type("x = 6 * 7")
    python.expect(">>> ")
    python.type("print('x is', x)")
    python.expect("x is 42\r\n")
    python.type("import time; print('as' + 'leep'); time.sleep(1000)")
    python.expect("asleep\r\n")  # before that, readline could swallow it
    python.json("signal")
    assert "KeyboardInterrupt" in python.expect(">>> ")
    python.type("\x04", "--no-newline")
    python.expect("# ")
    debugger = Shell(one)
    debugger.type("gdb -q -iex 'set style enabled off' ./a.out")
    debugger.expect("(gdb) ")
    for command, answer in (("break main", "Breakpoint 1 at"), ("run one two", "Breakpoint 1, main (argc=3"), ("print argc + 39", "$1 = 42"),
                            ("continue", "exited with code 053"), ("quit", "# ")):  # fmt: skip
        debugger.type(command)
        debugger.expect(answer)
