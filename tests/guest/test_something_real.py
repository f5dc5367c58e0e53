"""Work that we did not write, done in a guest: what an agent would do with it."""

import json
import subprocess

from workspaces import Shell, Workspace


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


def test_a_debian_source_package_builds_and_passes_its_tests(bare):
    """Try::Tiny, fetched from the distribution's mirror, built with dpkg-buildpackage, its suite passed."""
    script = """
        set -e
        apt-get -qq update
        apt-get -qq source libtry-tiny-perl >/dev/null
        apt-get -qq -y build-dep libtry-tiny-perl >/dev/null
        cd libtry-tiny-perl-*/
        dpkg-buildpackage -b -us -uc >../log 2>&1 || { tail -50 ../log >&2; exit 1; }
        grep -c -E '^ *ok [0-9]+' ../log
        grep -E '^not ok|^Result:' ../log
        dpkg -i ../libtry-tiny-perl_*_all.deb >/dev/null
        perl -MTry::Tiny -e 'try { die "works\\n" } catch { print }'"""
    flags = ("--network", "--timeout-seconds", "1500", "--mem-mib", "1024")
    result = bare.run("run", "debian:12-build", *flags, "--", "sh", "-c", script, timeout=1800)
    assert result.returncode == 0, result.stderr.decode()
    passed, *rest = result.stdout.decode().splitlines()
    assert int(passed) > 50 and rest == ["Result: PASS", "works"], result.stdout.decode()
    bare.assert_nothing_left()


def test_an_upstream_tree_is_changed_in_a_workspace_and_comes_home(bare, tmp_path):
    """bzip2 as its authors released it, from the distribution's mirror: built, tested, broken, and the patch applied at home."""

    def workspace(*flags):
        return bare.json("workspace", "create", "debian:12-build", *flags)["workspace_id"]

    def work(identity, script):
        return bare.run("workspace", "exec", identity, "--timeout-seconds", "900", "--", "sh", "-c", script, timeout=960)

    fetching = workspace("--network")
    got = work(fetching, "apt-get -qq update && apt-get -qq --download-only source bzip2 >/dev/null && mv bzip2_*.orig.tar.gz bzip2.tar.gz")
    assert got.returncode == 0, got.stderr.decode()
    archive, original, home = tmp_path / "bzip2.tar.gz", tmp_path / "original", tmp_path / "home"
    assert bare.run("workspace", "export", fetching, "bzip2.tar.gz", "--output", str(archive)).returncode == 0
    bare.run("workspace", "delete", fetching)
    original.mkdir()
    subprocess.run(["tar", "xf", archive, "-C", original], check=True)

    identity = workspace("--seed-path", str(archive))
    passed = work(identity, "cd bzip2-* && make -s check >../log 2>&1; status=$?; tail ../log >&2; rm ../log; exit $status")
    assert passed.returncode == 0, passed.stderr.decode()
    change = "sed -i s/sample1.bz2/sample9.bz2/ Makefile && printf 'no newline' >NEW && rm README && chmod +x CHANGES"
    assert work(identity, f"cd bzip2-* && {change}").returncode == 0
    assert work(identity, "cd bzip2-* && make -s check; status=$?; make -s clean; exit $status").returncode == 2
    patch = bare.run("workspace", "diff", identity).stdout
    subprocess.run(["git", "apply", "--whitespace=nowarn"], cwd=original, input=patch, check=True)
    assert bare.run("workspace", "export", identity, "/workspace", "--output", str(home)).returncode == 0
    assert subprocess.run(["diff", "-r", original, home]).returncode == 0
    assert [p.stat().st_mode & 0o111 for p in original.glob("*/CHANGES")] == [p.stat().st_mode & 0o111 for p in home.glob("*/CHANGES")]
    bare.run("workspace", "delete", identity)
    bare.assert_nothing_left()


def test_a_database_as_a_service_and_sessions_of_python_and_gdb(bare):
    """Redis twice, by tcp and by its own client; both interpreters typed into. Redis and gdb come from the distribution's mirror."""
    one = Workspace(bare, "--network", mem_mib=512, environment="debian:12-build")
    install = "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends redis-server gdb >/dev/null 2>&1"
    source = "printf 'int main(int argc, char **argv) { return argc + 40; }' >a.c && gcc -g a.c"
    got = one.run("exec", "--timeout-seconds", 900, "--", "sh", "-c", f"{install} && {source}", timeout=900)
    assert got.returncode == 0, got.stderr.decode()

    def start(name, port, *ready):
        result = bare.run("workspace", "service", "start", one.id, name, *ready, "--json", "--", "redis-server", "--port", str(port), "--save", "")
        assert result.returncode == 0, result.stderr.decode()
        return json.loads(result.stdout)

    assert start("by-tcp", 6379, "--ready-tcp", "127.0.0.1:6379")["state"] == "running"
    assert start("by-command", 6380, "--ready-command", "redis-cli -p 6380 ping | grep -q PONG")["ready_at"]
    assert one.exec("sh", "-c", "redis-cli set key value && redis-cli get key && redis-cli -p 6380 exists key").stdout == b"OK\nvalue\n0\n"
    assert "Ready to accept connections" in bare.json("workspace", "service", "logs", one.id, "by-tcp")["stdout"]
    assert bare.json("workspace", "service", "stop", one.id, "by-tcp")["exit_code"] == 0, "redis ends in order"

    python = Shell(one)
    python.type("python3 -q")
    python.expect(">>> ")
    python.type("x = 6 * 7")
    python.expect(">>> ")
    python.type("print('x is', x)")
    python.expect("x is 42\r\n")
    python.type("import time; time.sleep(1000)")
    python.expect("1000)\r\n")
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
    one.delete()
    bare.assert_nothing_left()
