"""Each process of a workspace is killed at each step of its life, and the host's disk is full: nothing is half-done, nothing is lost."""

import contextlib
import json
import os
import signal
import subprocess
import time

import pytest

from conftest import BASE, BUILD, wait_until
from workspaces import project, workspace  # noqa: F401

VICTIMS = ["pyro", "pyro-supervisor", "qemu-system"]


def make_large(project):
    """Enough to be killed in: a large file, then many small ones."""
    (project / "large").write_bytes(os.urandom(1 << 20) * 192)
    (project / "many").mkdir()
    for number in range(3000):
        (project / "many" / str(number)).write_text(str(number))


def kill(one, process, victim):
    """`process` is the client's."""
    pid = process.pid if victim == "pyro" else one.supervisor() if victim == "pyro-supervisor" else one.pyro.process(victim)
    os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=60)


@pytest.mark.parametrize("victim", ["pyro", "pyro-supervisor", "qemu-system"])
def test_what_is_killed_while_it_is_created_is_not_there(pyro, project, victim):
    make_large(project)
    process = pyro.popen("workspace", "create", BASE, "--mem-mib", "256", "--seed-path", str(project))
    while b"[push]" not in (line := process.stderr.readline()):
        assert line, "it ended"
    pid = pyro.process("qemu-system")
    if victim != "qemu-system":
        pid = process.pid if victim == "pyro" else pyro.process(victim)
    os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode != 0
    pyro.run("workspace", "status", "ws-" + "0" * 32)  # any call clears up
    pyro.assert_nothing_left()


@pytest.mark.parametrize("victim", VICTIMS)
def test_killed_at_work(workspace, project, tmp_path, victim):
    make_large(project)
    one = workspace("--seed-path", project)
    out = tmp_path / "out"
    out.mkdir()

    process = one.pyro.popen("workspace", "export", one.id, "large", "--output", str(out / "large"))
    wait_until(lambda: os.listdir(out), 20, "the export's beginning")
    kill(one, process, victim)
    assert process.returncode != 0 and not (out / "large").exists()
    assert victim == "pyro" or os.listdir(out) == []
    assert one.exec("true").returncode == 0
    assert one.run("export", "large", "--output", out / "large").returncode == 0
    assert os.listdir(out) == ["large"] and (out / "large").read_bytes() == (project / "large").read_bytes()

    one.exec("sh", "-c", "echo new > new; rm many/7; sync")
    qemu = one.pyro.process("qemu-system")
    process = one.pyro.popen("workspace", "diff", one.id)
    time.sleep(0.01)
    os.kill(qemu, signal.SIGSTOP)  # or a fast host is done before it is killed
    pytest.raises(subprocess.TimeoutExpired, process.wait, 0.2)
    kill(one, process, victim)
    with contextlib.suppress(ProcessLookupError):
        os.kill(qemu, signal.SIGCONT)
    assert one.exec("true").returncode == 0
    summary = one.json("diff")["summary"]
    assert (summary["total"], summary["added"], summary["deleted"]) == (2, 1, 1), summary

    process = one.pyro.popen("workspace", "sync", "push", one.id, str(project), "--dest", "again")
    while b"[push]" not in (line := process.stderr.readline()):
        assert line, "it ended"
    kill(one, process, victim)
    assert one.exec("true").returncode == 0
    # What has a name is whole, whatever was killed.
    look = "for f in again/many/*; do [ -e $f ] && [ \"$(cat $f)\" != ${f##*/} ] && echo $f; done; ls again/.pyro* 2>/dev/null; true"
    assert one.exec("sh", "-c", look).stdout == b""
    assert one.exec("sh", "-c", "[ ! -e again/large ] || cmp again/large large").returncode == 0

    process = one.pyro.popen("workspace", "delete", one.id)
    kill(one, process, "pyro")
    assert one.delete().returncode in (0, 2)  # 2: it is unknown already


def test_a_command_for_a_supervisor_that_dies_before_it_hears_it(workspace):
    one = workspace()
    supervisor = one.supervisor()
    os.kill(supervisor, signal.SIGSTOP)
    process = one.pyro.popen("workspace", "exec", one.id, "--", "echo", "once")
    pytest.raises(subprocess.TimeoutExpired, process.wait, 1)
    os.kill(supervisor, signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, b"once\n"), err
    assert b"was started again" in err
    assert one.json("logs")["count"] == 1


FULL = """
mount -t tmpfs -o size=450m none "$PYRO_HOME/vms" && cd "$PYRO_HOME" || exit 99
one=$(pyro workspace create {base} --mem-mib 256 --json | grep -o 'ws-[0-9a-f]*' | head -n 1)
two=$(pyro workspace create {base} --mem-mib 256 --json | grep -o 'ws-[0-9a-f]*' | head -n 1)
pyro workspace exec $two -- sh -c 'echo kept > kept; sync' || exit 98
pyro workspace exec $one --timeout-seconds 100 -- sh -c 'dd if=/dev/zero of=large bs=1M count=600 oflag=direct; sync' >&2
echo status $? $(pyro workspace status $one --json)
echo two $(pyro workspace exec $two -- cat kept)
echo logs $(pyro workspace logs $one --json | grep -o '"sequence"' | wc -l)
pyro workspace delete $one >&2
echo two $(pyro workspace exec $two -- sh -c 'dd if=/dev/zero of=more bs=1M count=50 oflag=direct 2>/dev/null && ls')
pyro workspace delete $two >&2
umount "$PYRO_HOME/vms"
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_host_disk_takes_no_other_workspace_with_it(pyro):
    env = {**pyro.env, "PATH": f"{BUILD}:{os.environ['PATH']}"}
    done = subprocess.run(["unshare", "-m", "sh", "-c", FULL.format(base=BASE)], env=env, timeout=300,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) == 4, done
    assert "the host's disk is full" in lines[0] and '"state": "failed"' in lines[0], done
    assert lines[1:] == ["two kept", "logs 1", "two kept more"], done
    pyro.assert_nothing_left()
