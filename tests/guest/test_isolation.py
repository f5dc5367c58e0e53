"""What stands between guest and host, looked at from both sides."""

import os
import pathlib
import socket
import subprocess
import threading

import pytest

from conftest import BASE, BUILD
from test_kill import start


def bwrap_works():
    return subprocess.run(
        ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"], capture_output=True
    ).returncode == 0  # fmt: skip


@pytest.fixture
def qemu(pyro):
    process = start(pyro)
    yield pathlib.Path("/proc") / str(pyro.process("qemu-system"))
    process.kill()
    process.communicate()
    pyro.assert_nothing_left()


def status(qemu):
    lines = (qemu / "status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def test_qemu_is_jailed(pyro, qemu):
    if not bwrap_works():
        pytest.skip("bubblewrap cannot make namespaces here")
    for kind in ("mnt", "net", "pid", "ipc", "uts"):
        ours = os.readlink(f"/proc/self/ns/{kind}")
        assert os.readlink(qemu / "ns" / kind) != ours, kind
    facts = status(qemu)
    assert facts["NoNewPrivs"] == "1" and facts["Seccomp"] == "2"
    assert int(facts["CapEff"], 16) == 0 and int(facts["CapPrm"], 16) == 0

    root = qemu / "root"
    seen = {p.name for p in root.iterdir()}
    assert seen <= {"usr", "lib", "lib32", "lib64", "etc", "dev", "vm"}, seen
    assert {p.name for p in (root / "etc").iterdir()} <= {"ld.so.cache"}
    mounts = [line.split() for line in (qemu / "mountinfo").read_text().splitlines()]
    writable = {mount[4] for mount in mounts if mount[5].split(",")[0] == "rw"}
    assert writable <= {"/vm/overlay.qcow2", "/dev/null", "/dev/urandom", "/dev/kvm"}, writable


def test_qemu_holds_only_its_own_descriptors(pyro, qemu):
    targets = sorted(os.readlink(fd) for fd in (qemu / "fd").iterdir())
    files = [t for t in targets if t.startswith("/") and not t.startswith("/dev/")]
    assert set(files) <= {"/vm/rootfs.ext4", "/vm/overlay.qcow2", "/vm/ram"}, files
    assert not [t for t in targets if "store.sqlite" in t or t.endswith("/lock")]


def test_the_supervisor_is_small(pyro, qemu):
    pid = pyro.process("pyro-supervisor")
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    assert int(text.split("VmRSS:")[1].split()[0]) < 5 * 1024


def test_sockets_and_files_are_private(pyro, qemu):
    for bundle in (pyro.home / "vms").iterdir():
        assert bundle.stat().st_mode & 0o777 == 0o700
        for path in bundle.iterdir():
            assert path.stat().st_mode & 0o077 == 0, path
    assert (pyro.home / "store.sqlite").stat().st_mode & 0o077 == 0


def test_a_refused_jail_is_told(pyro, tmp_path):
    """Forced fallback: a bubblewrap that cannot make namespaces. QEMU runs with what is left."""
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions' >&2\nexit 1\n")
    (fake / "bwrap").chmod(0o755)
    env = {"PATH": f"{fake}:{os.environ['PATH']}"}
    result = pyro.run_json("echo", "up", env=env)
    assert result["stdout"] == "up\n" and result["isolation"] in ("tcg", "kvm")
    doctor = pyro.json("doctor", env=env)
    jail = [check for check in doctor["checks"] if "jail" in check["name"]]
    assert jail and jail[0]["status"] != "ok" and jail[0]["fix"]


@pytest.fixture
def loopback_server():
    """A server bound to the host's loopback; the list of what it was sent."""
    seen = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                seen.append(connection.getsockname())
                connection.sendall(b"secret\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()[1], seen
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def test_the_hosts_loopback_is_out_of_reach(pyro, loopback_server):
    port, seen = loopback_server
    script = f"""
        for a in 127.0.0.1 127.0.0.2 0.0.0.0 10.111.0.1 10.111.0.3 10.0.2.2 169.254.1.1 \
                 10.111.0.255 255.255.255.255; do
            timeout 3 bash -c "exec 3<>/dev/tcp/$a/{port} && cat <&3" 2>/dev/null
        done
        # The same, but really sent out: 127/8 is no longer local here.
        echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet
        echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet
        ip link set lo down 2>/dev/null
        timeout 3 bash -c "exec 3<>/dev/tcp/127.0.0.1/{port} && cat <&3" 2>/dev/null
        echo done"""
    result = pyro.run("run", BASE, "--network", "--", "bash", "-c", script)
    assert result.stdout == b"done\n", result
    assert seen == []
    pyro.assert_nothing_left()


def test_no_vm_to_be_had(pyro, tmp_path):
    """QEMU missing, kernel missing: 125, the reason, the next step; host compat only when allowed."""
    env = {"PYRO_QEMU": str(tmp_path / "no-qemu")}
    result = pyro.run("run", BASE, "--", "true", env=env)
    assert result.returncode == 125 and b"apt-get install" in result.stderr
    assert pyro.run("doctor", env=env).returncode == 1
    if bwrap_works():
        allowed = pyro.run("run", BASE, "--allow-host-compat", "--json", "--", "sh", "-c",
                           "pwd; ls /home /root | wc -w; exit 3", env=env)  # fmt: skip
        assert allowed.returncode == 3, allowed
        assert b'"host_compat"' in allowed.stdout and b"/workspace" in allowed.stdout
    pyro.assert_nothing_left()


def test_host_compat_keeps_its_limits(pyro, tmp_path):
    if not bwrap_works():
        pytest.skip("bubblewrap cannot make namespaces here")
    env = {"PYRO_QEMU": str(tmp_path / "no-qemu")}
    run = ("run", BASE, "--allow-host-compat")
    assert pyro.run(*run, "--", "cat", env=env, input=b"in\0put").stdout == b"in\0put"
    assert pyro.run(*run, "--", "no-such-command", env=env).returncode == 127
    late = pyro.run(*run, "--timeout-seconds", "1", "--", "sh", "-c", "setsid sleep 99 & sleep 99",
                    env=env)  # fmt: skip
    assert late.returncode == 124
    net = pyro.run(*run, "--", "ls", "/sys/class/net", "/proc/net/dev", env=env)
    assert b"eth0" not in net.stdout
    pyro.assert_nothing_left()
