"""Bad input and what the command says to it. No guest is needed, and nothing may be left behind."""

import contextlib
import json
import os
import sqlite3
import subprocess

import pytest


def refused(pyro, *words, status=2, says=(), **keywords):
    result = pyro.run(*words, **keywords)
    text = result.stderr.decode()
    assert result.returncode == status, text
    assert result.stdout == b""
    assert text.startswith("pyro") and "hint: " in text
    for part in says:
        assert part in text
    return text


def untouched(pyro):
    """Wrong words must not make a home."""
    return not pyro.home.exists()


@pytest.mark.parametrize(
    "words, says",
    [
        (["run"], ["ENVIRONMENT is missing", "COMMAND after -- is missing"]),
        (["run", "debian:12"], ["COMMAND after -- is missing"]),
        (["run", "debian:12", "--"], ["COMMAND after -- is missing"]),
        (["run", "debian:12", "git", "--version"], ["put -- before the command"]),
        (["run", "debian:12", "--vcpu-count", "0", "--", "x"], ["--vcpu-count", "1 to 64", "0"]),
        (["run", "debian:12", "--vcpu-count", "two", "--", "x"], ["--vcpu-count", "'two'"]),
        (["run", "debian:12", "--mem-mib", "1", "--", "x"], ["--mem-mib", "128"]),
        (["run", "debian:12", "--timeout-seconds", "-5", "--", "x"], ["--timeout-seconds", "-5"]),
        (["run", "debian:12", "--ttl-seconds", "0", "--", "x"], ["--ttl-seconds"]),
        (["run", "debian:12", "--vcpus", "2", "--", "x"], ["did you mean --vcpu-count?"]),
        (["run", "debian:12", "--vcpu-count", "--", "x"], ["needs a value"]),
        (["run", "--vcpu-count", "1", "debian:12", "--vcpu-count", "2", "--", "x"], ["twice"]),
        (["run", "debian:12", "--vcpu-count=0", "--mem-mib=1"], ["--vcpu-count", "--mem-mib"]),
        (["env", "list", "all"], ["word too many"]),
        (["env", "lst"], ["did you mean env list"]),
        (["workspace", "sync", "psuh"],
         ["there is no command 'workspace sync psuh'", "did you mean workspace sync push"]),
        (["workspace", "sycn", "push"],
         ["there is no command 'workspace sycn'", "did you mean workspace sync"]),
        (["workspce", "sync", "push"], ["did you mean workspace"]),
        (["help", "workspace", "sync", "psuh"], ["did you mean workspace sync push"]),
        (["no-such-command"], ["there is no command 'no-such-command'"]),
        (["--json"], ["there is no command"]),
    ],
)
def test_wrong_words(empty, words, says):
    refused(empty, *words, says=says)
    assert untouched(empty)


@pytest.mark.parametrize("words", (["env", "inspect"], ["env", "pull"], ["run"]))
def test_an_unknown_environment_is_told_with_the_nearest(empty, words):
    tail = ["--", "true"] if words == ["run"] else []
    refused(empty, *words, "debian:13", *tail, says=["debian:13", "debian:12-base"])


def test_more_memory_than_the_host_has(empty):
    refused(empty, "run", "debian:12-base", "--mem-mib", "16777216", "--", "true", status=125,
            says=["MiB"])  # fmt: skip
    empty.assert_nothing_left()


def test_a_home_that_cannot_be_written(empty, tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    env = {"PYRO_HOME": str(in_the_way)}
    refused(empty, "run", "debian:12", "--", "true", status=125, env=env,
            says=[str(in_the_way), "PYRO_HOME"])  # fmt: skip
    refused(empty, "env", "pull", "debian:12", status=125, env=env, says=["PYRO_HOME"])
    assert in_the_way.read_text() == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_without_permission(empty):
    empty.home.mkdir(mode=0o500)
    refused(empty, "env", "pull", "debian:12", status=125, says=["Permission denied"])


def damage_garbage(store):
    store.write_bytes(bytes(range(256)) * 64)


def damage_cut(store):
    store.write_bytes(store.read_bytes()[:-1000])


def damage_foreign(store):
    store.unlink()
    with contextlib.closing(sqlite3.connect(store)) as database:
        database.execute("create table other (x)")


def damage_newer(store):
    with contextlib.closing(sqlite3.connect(store)) as database:
        database.execute("pragma user_version = 1000")


@pytest.mark.parametrize("damage", [damage_garbage, damage_cut, damage_foreign, damage_newer])
def test_a_store_that_cannot_be_used(empty, damage):
    assert empty.run("doctor").returncode == 0
    store = empty.home / "store.sqlite"
    damage(store)
    for beside in empty.home.glob("store.sqlite-*"):
        beside.unlink()
    before = store.read_bytes()
    report = empty.run("doctor", "--json")
    assert report.returncode == 1
    checks = {check["name"]: check for check in json.loads(report.stdout)["checks"]}
    assert checks["store"]["status"] == "failed"
    assert str(store) in checks["store"]["detail"] and checks["store"]["fix"]
    assert store.read_bytes() == before


def test_errors_as_json(empty):
    result = empty.run("run", "debian:13", "--json", "--", "true")
    error = json.loads(result.stdout)["error"]
    assert result.returncode == 2
    assert (error["code"], error["field"]) == ("unknown_environment", "environment")
    assert "debian:13" in error["message"] and error["hint"]
    assert b"debian:13" in result.stderr

    result = empty.run("run", "--json", "debian:12", "--vcpu-count", "0", "--", "true")
    error = json.loads(result.stdout)["error"]
    assert (error["code"], error["field"]) == ("invalid_parameter", "vcpu_count")


def test_control_characters_do_not_reach_the_terminal(empty):
    result = empty.run("run", "\x1b[31mred", "--", "true")
    assert result.returncode == 2 and b"\x1b" not in result.stderr


def test_words_that_are_not_utf8(empty):
    result = empty.run("env", "inspect", b"\xff\xfe", "--json")
    assert result.returncode == 2 and json.loads(result.stdout)["error"]["code"] == "invalid_parameter"


def test_a_very_long_command(empty):
    refused(empty, "run", "debian:12", "--", "echo", "x" * 100_000, status=2, says=["at most"])
    assert empty.leftovers() == {}


@pytest.mark.parametrize(
    "words",
    (["--help"], ["-h"], ["help"], ["env"], ["env", "--help"], ["run", "--help"], ["help", "run"],
     ["run", "--vcpu-count", "0", "--help"], ["env", "pull", "-h"], ["doctor", "--help"],
     ["workspace", "sync"], ["workspace", "sync", "--help"], ["help", "workspace", "sync"],
     ["workspace", "--help"], ["--version"], ["help", "--json"]),
)  # fmt: skip
def test_help(empty, words):
    result = empty.run(*words)
    assert result.returncode == 0 and result.stderr == b""
    assert len(result.stdout) > 5 and untouched(empty)
    lines = result.stdout.decode().splitlines()
    assert words[-1] == "--json" or all(len(line) <= 100 for line in lines)


def test_help_says_it_all(empty):
    text = " ".join(empty.run("run", "--help").stdout.decode().split())
    for word in ("--vcpu-count", "--mem-mib", "--timeout-seconds", "--ttl-seconds", "--network",
                 "--allow-host-compat", "--json", "default 1024", "1 to 64", "124", "125", "128+N",
                 "PYRO_HOME", "PYRO_QEMU", "PYRO_LIBEXEC", "PYRO_BOOT_TIMEOUT_SECONDS",
                 "pyro run debian:12 -- git --version"):  # fmt: skip
        assert word in text, word


def test_stdout_that_takes_nothing(empty):
    with open("/dev/full", "wb") as full:
        result = empty.run("env", "list", stdout=full)
    assert result.returncode == 125 and b"No space left" in result.stderr
    read_end, write_end = os.pipe()
    os.close(read_end)
    result = empty.run("env", "list", "--json", stdout=write_end)
    os.close(write_end)
    assert (result.returncode, result.stderr) == (141, b"")


@pytest.mark.parametrize("descriptors", ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"))
def test_closed_descriptors(empty, descriptors):
    script = f'exec "$0" doctor {descriptors}'
    result = subprocess.run(["sh", "-c", script, empty.program], env=empty.env, timeout=60)
    assert result.returncode == 0
    store = empty.home / "store.sqlite"
    assert store.read_bytes().startswith(b"SQLite format 3\0")


def test_no_colours_in_a_pipe(empty):
    result = empty.run("doctor", env={"LC_ALL": "C.UTF-8", "TERM": "xterm"})
    assert result.returncode == 0
    assert result.stdout.isascii() and b"\x1b" not in result.stdout


def test_doctor_names_what_is_missing(empty, tmp_path):
    """Without QEMU nothing can run, and the command that mends it is named."""
    result = empty.run("doctor", "--json", env={"PYRO_QEMU": str(tmp_path / "no-qemu")})
    report = json.loads(result.stdout)
    assert result.returncode == 1 and report["ok"] is False
    failed = {check["name"]: check for check in report["checks"] if check["status"] == "failed"}
    assert "apt-get install" in failed["qemu"]["fix"]


def test_doctor_tells_what_is_alike_once(empty):
    assert empty.run("doctor").returncode == 0
    templates = empty.home / "templates"
    templates.mkdir(exist_ok=True)
    for i, reason in enumerate(("moved", "moved", "torn", "moved")):
        (templates / f"x-{i}.note").write_text(json.dumps({"name": f"x-{i}", "reason": reason, "failures": 0, "unread": True}))
    told = [line for line in empty.run("doctor").stdout.decode().splitlines() if "could not be used" in line]
    assert len(told) == 2 and any("and 2 more could not be used: moved" in line for line in told), told
    assert "could not be used" not in empty.run("doctor").stdout.decode()


def test_the_agent_is_missing(empty, tmp_path):
    result = empty.run("doctor", env={"PYRO_LIBEXEC": str(tmp_path)})
    assert result.returncode == 1 and b"pyro-agent" in result.stdout
