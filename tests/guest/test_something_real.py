"""Work that we did not write, done in a guest: what an agent would do with it."""



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
    """hello, fetched from the distribution's mirror, built with dpkg-buildpackage, its suite passed."""
    script = """
        set -e
        apt-get -qq update
        apt-get -qq source hello >/dev/null
        apt-get -qq -y build-dep hello >/dev/null
        cd hello-*/
        dpkg-buildpackage -b -us -uc >../log 2>&1 || { tail -50 ../log >&2; exit 1; }
        grep -E '^# (PASS|FAIL|ERROR):' ../log
        ls ../hello_*.deb >/dev/null && dpkg -i ../hello_*_amd64.deb >/dev/null && hello"""
    flags = ("--network", "--timeout-seconds", "1500", "--mem-mib", "1024")
    result = bare.run("run", "debian:12-build", *flags, "--", "sh", "-c", script, timeout=1800)
    assert result.returncode == 0, result.stderr.decode()
    lines = result.stdout.decode().splitlines()
    assert "# FAIL:  0" in lines and "# ERROR: 0" in lines
    assert lines[-1] == "Hello, world!"
    bare.assert_nothing_left()
