"""Workspaces as their users see them: one is created, worked in, looked at, taken home, and dies in every way."""

import hashlib
import json
import os
import signal
import subprocess
import tarfile
import time

import pytest

from conftest import BASE, wait_until
from workspaces import project, workspace  # noqa: F401


def test_what_create_tells(pyro, workspace):
    one = workspace()
    assert one.record["state"] == "started" and one.record["workspace_path"] == "/workspace"
    assert one.record["ttl_seconds"] == 86400 and one.record["command_count"] == 0
    assert one.record["workspace_seed"]["mode"] == "empty" and one.record["last_command"] is None
    result = pyro.run("workspace", "create", BASE, "--mem-mib", "256")
    identity = result.stdout.decode().splitlines()[0]
    assert result.returncode == 0 and result.stdout.count(identity.encode()) == 4
    assert pyro.run("workspace", "delete", identity).returncode == 0


def test_a_session_of_work(workspace, project, tmp_path):
    one = workspace("--seed-path", project)
    assert one.record["workspace_seed"]["mode"] == "directory"
    listing = one.exec("sh", "-c", "cd /workspace; stat -c '%n %a %Y %h %u' src/main.c run.sh; readlink link; ls -d src/empty; cat odd*")
    assert listing.stdout.decode().splitlines() == [
        "src/main.c 644 1234567890 1 0", "run.sh 755 %d 2 0" % (project / "run.sh").stat().st_mtime,
        "src/main.c", "src/empty", "odd"], listing.stderr  # fmt: skip
    assert not one.json("diff")["changed"]

    change = "echo more >> run.sh; rm link; printf 'x' > new; touch -r src/main.c /tmp/t; sed -i s/0/1/ src/main.c; touch -r /tmp/t src/main.c"
    assert one.exec("sh", "-c", change).returncode == 0
    diff = one.json("diff")
    assert {e["path"]: e["status"] for e in diff["entries"]} == {
        "hard.sh": "modified", "run.sh": "modified", "link": "deleted", "new": "added", "src/main.c": "modified"}  # fmt: skip
    patch = one.run("diff").stdout
    subprocess.run(["git", "apply", "--unsafe-paths", "-"], cwd=project, input=patch, check=True)
    output = tmp_path / "out"
    assert one.run("export", "/workspace", "--output", output).returncode == 0
    assert subprocess.run(["diff", "-r", "--no-dereference", output, project]).returncode == 0
    assert one.run("export", ".", "--output", output).returncode == 2, "an existing goal is refused"
    exported = one.json("export", "run.sh", "--output", output, "--force")
    assert exported["artifact_type"] == "file" and output.read_text().endswith("more\n")

    logs = one.json("logs")
    assert [e["sequence"] for e in logs["entries"]] == [1, 2] and logs["count"] == 2
    assert logs["entries"][0]["stdout"] == listing.stdout.decode()
    assert "2, the last" in one.run("status").stdout.decode()


def test_exec_has_the_semantics_of_run(workspace):
    one = workspace()
    result = one.exec("sh", "-c", "pwd; cat; echo e >&2; exit 7", input=b"in")
    assert (result.returncode, result.stdout, result.stderr) == (7, b"/workspace\nin", b"e\n")
    assert one.exec("no-such-program").returncode == 127
    timed = one.run("exec", "--timeout-seconds", "1", "--json", "--", "sleep", "60")
    assert timed.returncode == 124 and json.loads(timed.stdout)["timed_out"]
    many = [one.pyro.popen("workspace", "exec", one.id, "--json", "--", "sh", "-c", f"echo {i}; sleep 0.2") for i in range(6)]
    results = [json.loads(process.communicate()[0]) for process in many]
    assert sorted(r["sequence"] for r in results) == [4, 5, 6, 7, 8, 9]
    assert [r["stdout"] for r in results] == [f"{i}\n" for i in range(6)]
    assert one.json("status")["command_count"] == 9


def test_push(workspace, project, tmp_path):
    one = workspace()
    archive = tmp_path / "files.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(project, ".")
    pushed = one.json("sync push", archive, "--dest", "/workspace/a/b")["workspace_sync"]
    assert pushed["mode"] == "tar_archive" and pushed["destination"] == "/workspace/a/b"
    assert pushed["entry_count"] == 8, pushed
    assert one.exec("sh", "a/b/run.sh").stdout == b"running\n"
    assert one.run("sync push", project, "--dest", "/etc").returncode == 2
    assert one.run("sync push", tmp_path / "nothing").returncode == 2
    one.exec("sh", "-c", "mkdir -p c/run.sh; echo keep > c/run.sh/k")
    failed = one.run("sync push", project, "--dest", "c")
    assert failed.returncode == 125 and b"run.sh" in failed.stderr and b"entries are in" in failed.stderr
    assert one.exec("cat", "c/run.sh/k").stdout == b"keep\n"


def test_large_files(workspace, tmp_path):
    """They do not come through the port: the host writes them into a huge page of the guest's memory."""
    seed = tmp_path / "seed"
    seed.mkdir()
    noise = os.urandom(9 << 20)
    for name, size in {"least": 4 << 20, "odd": (4 << 20) + 1, "uneven": (9 << 20) - 1, "small": 1}.items():
        (seed / name).write_bytes(noise[:size])
    with open(seed / "holes", "wb") as file:
        file.truncate(40 << 20)
        for at in (5, 1 << 20, (1 << 20) + 70000, (3 << 20) - 1, 30 << 20, (40 << 20) - 4097):
            file.seek(at)
            file.write(noise[: min(at, 700001, (40 << 20) - at)])
    wanted = {name: hashlib.sha256((seed / name).read_bytes()).hexdigest() for name in os.listdir(seed)}
    one = workspace("--seed-path", seed)
    one.json("sync push", seed, "--dest", "again")
    for look in ("sha256sum *", "cd again && sha256sum *"):
        lines = one.exec("sh", "-c", look + " 2>/dev/null").stdout.decode().splitlines()
        assert {name: digest for digest, name in (line.split() for line in lines)} == wanted
    assert int(one.exec("sh", "-c", "du -m holes | cut -f1").stdout) < 10
    assert one.exec("sed", "-n", "s/^HugePages_Total: *//p", "/proc/meminfo").stdout == b"1\n"
    assert one.json("diff")["summary"]["added"] == len(wanted)


@pytest.mark.parametrize("name", ["/absolute", "../out", "a/../../out"])
def test_hostile_archives_are_refused_and_leave_nothing(pyro, tmp_path, name):
    archive = tmp_path / "hostile.tar"
    with tarfile.open(archive, "w") as tar:
        tar.addfile(tarfile.TarInfo(name))
    result = pyro.run("workspace", "create", BASE, "--mem-mib", "256", "--seed-path", archive)
    assert result.returncode in (2, 125) and b"archive" in result.stderr, result.stderr
    pyro.assert_nothing_left()


def test_a_guest_that_dies(workspace):
    one = workspace()
    one.exec("sh", "-c", "echo kept > file; sync")
    assert one.json("diff")["summary"]["added"] == 1
    running = one.pyro.popen("workspace", "exec", one.id, "--", "sh", "-c", "echo begun; exec sleep 100")
    assert running.stdout.readline() == b"begun\n"
    os.kill(one.pyro.process("qemu-system"), signal.SIGKILL)
    _, err = running.communicate(timeout=20)
    assert running.returncode == 125, err
    wait_until(lambda: one.json("status")["state"] == "failed", 10, "the state failed")
    assert "ended" in one.json("status")["failure"]
    entries = one.json("logs")["entries"]
    assert entries[1]["state"] == "lost" and entries[1]["stdout"] == "begun\n" and entries[1]["exit_code"] is None
    diff = one.run("diff")
    assert diff.returncode == 0 and b"+kept" in diff.stdout and b"does not run" in diff.stderr
    refused = one.run("sync push", os.path.dirname(__file__))
    assert refused.returncode == 125 and b"workspace exec" in refused.stderr
    again = one.exec("cat", "file")
    assert again.stdout == b"kept\n" and b"started again from its disk" in again.stderr
    assert one.json("status")["state"] == "started"


def test_a_guest_that_is_killed_again_and_again_keeps_its_disk_in_order(workspace, tmp_path):
    """The journal is replayed by a guest that is killed soon afterwards, while it writes."""
    seed = tmp_path / "seed"
    for number in range(4000):
        (seed / f"d{number % 50}").mkdir(parents=True, exist_ok=True)
        (seed / f"d{number % 50}" / f"f{number}").write_text(str(number))
    one = workspace("--seed-path", seed)
    look = "cat d*/f* | wc -c; dmesg | grep -c 'EXT4-fs error'; cat kept* 2>/dev/null; echo {0} > kept{0}; sync"
    write = "for j in 1 2 3 4 5 6 7 8 9; do mkdir -p x{0}/$j; for k in 1 2 3 4 5 6 7 8 9; do echo > x{0}/$j/$k; done; [ $j = 4 ] && sync && echo half; done; sleep 60"
    os.kill(one.pyro.process("qemu-system"), signal.SIGKILL)  # what was pushed is there, synced or not
    wait_until(lambda: not one.pyro.processes(), 10, "the end of the VM")
    for number in range(4):
        if number % 2:  # replays the journal, and is killed before it has done anything else
            assert one.exec("true").returncode == 0
            os.kill(one.pyro.process("qemu-system"), signal.SIGKILL)
            wait_until(lambda: not one.pyro.processes(), 10, "the end of the VM")
        seen = one.exec("sh", "-c", look.format(number)).stdout.decode().split()
        assert seen == [str(sum(len(str(n)) for n in range(4000))), "0", *map(str, range(number))]
        writer = one.pyro.popen("workspace", "exec", one.id, "--", "sh", "-c", write.format(number))
        assert writer.stdout.readline() == b"half\n"
        os.kill(one.pyro.process("qemu-system"), signal.SIGKILL)
        writer.communicate(timeout=20)
        wait_until(lambda: not one.pyro.processes(), 10, "the end of the VM")


def test_a_full_disk_does_not_keep_it_from_starting(workspace):
    """Or nobody could make room. Nor does what a command has put in the place of the files that tell who the guest is."""
    one = workspace()
    fill = "rm /etc/hostname; mkdir /etc/hostname; seq -f '0.0.0.0 ads%g.example' 9999 >>/etc/hosts; for s in 1G 64M 1M 4K; do i=0; while fallocate -l $s /root/$s.$i; do i=$((i + 1)); done; done 2>/dev/null; df / | tail -1"
    assert b"100%" in one.exec("sh", "-c", fill, timeout=120).stdout
    one.exec("sh", "-c", "sync; echo b >/proc/sysrq-trigger; sleep 100")
    wait_until(lambda: one.json("status")["state"] != "started", 20, "the end of the guest")
    ended = one.exec("sh", "-c", "hostname; ls -d /etc/hostname; grep -c ads /etc/hosts; rm /root/*; df / | tail -1")
    assert ended.returncode == 0, ended.stderr
    assert b"\n/etc/hostname\n9999\n" in ended.stdout and b"100%" not in ended.stdout
    assert ended.stdout.startswith(one.vm_id[:6].encode())


def test_a_supervisor_that_dies(workspace):
    one = workspace()
    one.exec("sh", "-c", "echo kept > file; sync")
    os.kill(one.supervisor(), signal.SIGKILL)
    wait_until(lambda: not one.pyro.processes(), 5, "the end of QEMU")
    status = one.json("status")
    assert status["state"] == "failed" and "supervisor" in status["failure"]
    assert one.json("logs")["count"] == 1
    result = json.loads(one.run("exec", "--json", "--", "cat", "file").stdout)
    assert result["stdout"] == "kept\n" and "supervisor" in result["restarted"]


def test_sigterm_powers_off_and_loses_nothing(workspace):
    one = workspace()
    one.exec("sh", "-c", "echo kept > file")
    os.kill(one.supervisor(), signal.SIGTERM)
    wait_until(lambda: not one.pyro.processes(), 30, "the end of the VM")
    assert one.json("status")["state"] == "stopped"
    assert one.exec("cat", "file").stdout == b"kept\n"


def test_the_time_counts_from_the_last_use(workspace):
    one = workspace("--ttl-seconds", "3")
    assert one.exec("sleep", "5").returncode == 0
    assert one.json("status")["state"] == "started"
    wait_until(lambda: one.json("status")["state"] == "stopped", 20, "its end")
    assert "ttl_seconds" in one.json("status")["failure"]
    again = one.exec("echo", "again")  # its time begins anew
    assert again.stdout == b"again\n" and b"started again" in again.stderr, again.stderr


def test_a_client_that_is_killed_while_a_command_runs(workspace):
    one = workspace()
    process = one.pyro.popen("workspace", "exec", one.id, "--", "sh", "-c", "echo begun; exec sleep 100")
    assert process.stdout.readline() == b"begun\n"
    process.kill()
    process.communicate()
    wait_until(lambda: one.json("logs")["entries"][0]["state"] == "exited", 20, "the command's end")
    assert one.json("logs")["entries"][0]["stdout"] == "begun\n"
    assert one.exec("echo", "usable").stdout == b"usable\n"


def test_what_is_unknown_or_too_much(pyro, workspace):
    unknown = pyro.run("workspace", "delete", "ws-" + "0" * 32)
    assert unknown.returncode == 2 and b"no workspace has the id" in unknown.stderr
    assert pyro.run("workspace", "exec", "nonsense", "--", "true").returncode == 2
    one = workspace()
    full = pyro.run("workspace", "create", BASE, env={"PYRO_MAX_ACTIVE_VMS": "1"})
    assert full.returncode == 125 and one.id.encode() in full.stderr
    assert pyro.run("run", BASE, "--", "true", env={"PYRO_MAX_ACTIVE_VMS": "1"}).returncode == 125


def test_the_vm_of_a_workspace_is_its_own(api, workspace):
    one = workspace()
    for operation in ("vm_stop", "vm_delete", "vm_start"):
        with pytest.raises(Exception, match="belongs to the workspace"):
            api.call(operation, vm_id=one.vm_id)
    assert api.call("workspace_status", workspace_id=one.id)["state"] == "started"


def test_it_lives_on_without_its_terminal(pyro, workspace):
    one = workspace()
    assert os.getsid(one.supervisor()) != os.getsid(0)
    assert time.time() < one.record["expires_at"] - 86000
