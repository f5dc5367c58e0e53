"""Getting environments: progress, atomicity, repair, and what goes wrong outside."""

import hashlib
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

from conftest import BASE, wait_until

KEYS = {
    "name", "version", "description", "platform", "distribution", "distribution_version",
    "default_packages", "source", "installed",
}  # fmt: skip
INSTALLED_KEYS = {
    "install_dir", "kernel_image", "rootfs_image", "rootfs_digest", "rootfs_bytes",
    "disk_usage_bytes", "kernel_version", "package_count", "installed_at", "templates",
}  # fmt: skip


def installations(pyro):
    return sorted(p.name for p in (pyro.home / "environments").glob("*") if p.is_dir())


def test_the_catalog(pyro):
    catalog = pyro.json("env", "list")
    assert catalog["catalog_version"]
    entries = {entry["name"]: entry for entry in catalog["environments"]}
    assert set(entries) == {"debian:12", "debian:12-base", "debian:12-build"}
    assert all(KEYS <= entry.keys() for entry in entries.values())
    assert entries[BASE]["installed"] is True
    text = pyro.run("env", "list").stdout.decode()
    assert all(name in text for name in entries)


def test_what_inspect_says_is_true(pyro):
    entry = pyro.json("env", "inspect", BASE)
    assert KEYS | INSTALLED_KEYS <= entry.keys()
    image = pathlib.Path(entry["rootfs_image"])
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    assert entry["rootfs_digest"] == f"sha256:{digest}"
    assert entry["rootfs_bytes"] == image.stat().st_size
    assert pathlib.Path(entry["kernel_image"]).is_file()
    assert entry["package_count"] > 50 and entry["kernel_version"][0].isdigit()
    checked = subprocess.run(["/sbin/e2fsck", "-fn", image], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    seen = pyro.guest("uname", "-r").stdout.decode().strip()
    assert seen == entry["kernel_version"]


def test_a_second_pull_does_nothing(pyro):
    before = pyro.json("env", "inspect", BASE)
    started = time.monotonic()
    result = pyro.run("env", "pull", BASE, "--json")
    assert result.returncode == 0 and json.loads(result.stdout)["installed"] is True
    assert time.monotonic() - started < 10
    assert pyro.json("env", "inspect", BASE)["installed_at"] == before["installed_at"]


def test_interrupted_pulls_leave_nothing(empty):
    """Ctrl-C, then kill -9: no half environment, and the next look finds a clean house."""
    process = empty.popen("env", "pull", BASE)
    assert process.stderr.readline().startswith(b"[pull] phase=")
    wait_until(lambda: list((empty.home / "environments").glob(".*/*")), 20, "a pull under way")
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    wait_until(lambda: not list((empty.home / "environments").glob(".pull*")), 30, "the removal, on a slow disk")

    process = empty.popen("env", "pull", BASE)
    wait_until(lambda: list((empty.home / "environments").glob(".*/*")), 20, "a pull under way")
    time.sleep(3)
    process.kill()
    process.communicate()
    assert empty.json("env", "inspect", BASE)["installed"] is False

    def no_builder():
        found = subprocess.run(["pgrep", "-u", str(os.getuid()), "-f", f"{empty.home}"],
                               capture_output=True)  # fmt: skip
        return found.returncode != 0

    wait_until(no_builder, 30, "the end of the builder")
    assert empty.run("env", "prune").returncode == 0
    assert not list((empty.home / "environments").glob(".pull*"))


def test_an_unreachable_mirror_is_told(empty):
    """Every request goes to a port of this machine where nobody listens."""
    nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    result = empty.run("env", "pull", BASE, env=nowhere)
    assert result.returncode == 125, result.stderr.decode()
    assert b"127.0.0.1" in result.stderr or b"mirror" in result.stderr
    assert installations(empty) == [] and not list(empty.home.glob("environments/.pull*"))


def test_two_pulls_at_once_do_the_work_once(empty):
    """And the environment they bring is good: a guest starts from it."""
    one = empty.popen("env", "pull", BASE)
    two = empty.popen("run", BASE, "--verbose", "--", "echo", "up")
    out_one, err_one = one.communicate(timeout=600)
    out_two, err_two = two.communicate(timeout=600)
    assert (one.returncode, two.returncode) == (0, 0), (err_one, err_two)
    assert out_two == b"up\n"
    assert b"phase=waiting" in err_one + err_two
    built = [err for err in (err_one, err_two) if b"phase=image" in err]
    assert len(built) == 1
    assert installations(empty) == ["debian-12-base"]


@pytest.mark.skipif(os.getuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_is_told(empty):
    empty.home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=150m", "none", empty.home], check=True)
    try:
        result = empty.run("env", "pull", BASE)
        assert result.returncode == 125, result.stderr.decode()
        assert b"space" in result.stderr
        assert installations(empty) == [] and not list(empty.home.glob("environments/.pull*"))
    finally:
        subprocess.run(["umount", empty.home], check=True)
