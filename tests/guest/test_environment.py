"""Getting environments: progress, atomicity, repair, and what goes wrong outside."""

import hashlib
import json
import os
import pathlib
import shutil
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


def damaged_copy(pyro, home, file):
    """The environment in a home of its own, one of its files changed; which one."""
    entry = pyro.json("env", "inspect", BASE, env={"PYRO_HOME": str(home)})
    victim = pyro.home / "environments/debian-12-base" / pathlib.Path(entry.get(file) or file).name
    shutil.copytree(home / "environments/debian-12-base", victim.parent, copy_function=shutil.copy2)
    with open(victim, "r+b") as opened:
        opened.seek(1000)
        opened.write(b"damage")
    return victim.name


@pytest.mark.parametrize("file", ["kernel_image", "modules.cpio"])
def test_a_damaged_environment_is_told(base, empty, home, file):
    name = damaged_copy(empty, home, file)
    result = empty.run("run", BASE, "--", "true")
    assert result.returncode == 125 and name.encode() in result.stderr
    assert b"pyro env pull" in result.stderr
    listed = {e["name"]: e for e in empty.json("env", "list")["environments"]}
    assert listed[BASE]["installed"] is False
    empty.assert_nothing_left()


def test_two_pulls_at_once_repair_it_once(base, empty, home):
    """And the environment they bring is good: a guest starts from it."""
    damaged_copy(empty, home, "kernel_image")
    one, two = (empty.popen("env", "pull", BASE) for _ in range(2))
    (_, err_one), (_, err_two) = (pull.communicate(timeout=600) for pull in (one, two))
    assert (one.returncode, two.returncode) == (0, 0), (err_one, err_two)
    assert b"phase=waiting" in err_one + err_two
    built = [err for err in (err_one, err_two) if b"phase=image" in err]
    assert len(built) == 1
    assert installations(empty) == ["debian-12-base"]
    assert empty.guest("echo", "up").stdout == b"up\n"


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
