"""Two clones of one template are two machines: what they may not share, and what they must agree on.

Both run clone_facts.py once; each test looks at one row of what they said. debian:12, because of its python3.
"""

import json
import pathlib
import subprocess
import time

import pytest

from conftest import BASE, Pyro

ENVIRONMENT = "debian:12"
CLOCK_BOUND = 0.050  # seconds between host and guest
READINGS, CLONES = 20, 3


@pytest.fixture(scope="module")
def clones(home, tmp_path_factory):
    """What two clones say, one started after the other."""
    pyro = Pyro(home, tmp_path_factory.mktemp("logs"))
    assert pyro.run("env", "pull", ENVIRONMENT, timeout=900).returncode == 0
    run = ("run", ENVIRONMENT, "--network")
    assert pyro.run(*run, "--", "true").returncode == 0
    pyro.settle()
    script = pathlib.Path(__file__).with_name("clone_facts.py").read_text()
    runs = [pyro.run(*run, "--json", "--", "python3", "-c", script) for _ in range(2)]
    told = [json.loads(run.stdout) for run in runs]
    assert [clone.get("boot_kind") for clone in told] == ["restored", "restored"], told
    assert told[0]["vm_id"] != told[1]["vm_id"]
    pyro.assert_nothing_left()
    return [dict(json.loads(clone["stdout"]), vm_id=clone["vm_id"]) for clone in told]


@pytest.mark.parametrize(
    "row", ["urandom", "getrandom", "uuid4", "random", "kernel_uuid", "stack_address", "boot_id"]
)  # fmt: skip
def test_what_is_random_differs(clones, row):
    one, two = (clone[row] for clone in clones)
    assert one and two and one != two


def test_machine_id(clones):
    one, two = clones
    assert len(one["machine_id"]) == 32 and one["machine_id"] != two["machine_id"]
    assert all(clone["vm_id"] == f"vm-{clone['machine_id']}" for clone in clones)


def test_hostname(clones):
    one, two = clones
    assert one["hostname"][0] != two["hostname"][0]
    for clone in clones:
        assert set(clone["hostname"]) == {clone["vm_id"][:15]}
        assert clone["hostname"][0] in clone["hosts"].split()
    assert one["hostname"][0] not in two["hosts"]


def test_mac(clones):
    one, two = (clone["mac"] for clone in clones)
    assert one.startswith("52:54:") and two.startswith("52:54:") and one != two


def test_uptime(clones):
    """Counted from the template's boot, not running backwards, in step with the wall clock."""
    for clone in clones:
        up = clone["uptime"]
        assert 0 < up["before"] - 0.01 <= up["shown"] <= up["after"] <= up["monotonic"]
        assert up["after"] < 900, "the time for which the template lay on the disk counts"
        assert abs(up["booted"] + up["monotonic"] - up["now"]) < 1.5  # it is shown in whole seconds


def test_no_open_sockets(clones):
    assert [clone["sockets"] for clone in clones] == [{}, {}]


def test_no_left_files(clones):
    """Neither of the warm-up nor of the other clone; what the environment comes with is no leftover."""
    for clone in clones:
        for place in ("/tmp", "/var/tmp", "/dev/shm", "/workspace", "/run/lock"):
            assert clone["left_files"][place] == [], place
        assert clone["left_files"]["/run"] == ["lock"]
        assert clone["left_files"]["/root"] == [".bashrc", ".profile"]


def test_no_left_processes(clones):
    assert [clone["processes"] for clone in clones] == [["/init"], ["/init"]]


def test_the_page_cache_reads_the_right_disk(clones):
    for clone in clones:
        disk = clone["disk"]
        assert len(disk["cached"]) > 15
        assert disk["cached"] == disk["direct"] == disk["anew"]
        assert disk["own"] == disk["own_anew"]
    one, two = (clone["disk"] for clone in clones)
    differ = {path for path in one["cached"] if one["cached"][path] != two["cached"][path]}
    assert differ == {"/etc/machine-id"}
    assert one["own"] != two["own"]


def test_what_is_read_is_what_the_environment_has(clones, home, tmp_path):
    """One file that the warm-up has run, out of the image by another way."""
    image = home / "environments" / "debian-12" / "rootfs.ext4"
    found = subprocess.run(["/sbin/debugfs", "-R", "cat /usr/bin/python3.11", image], capture_output=True)
    (tmp_path / "python").write_bytes(found.stdout)
    digest = subprocess.run(["md5sum", tmp_path / "python"], capture_output=True, text=True).stdout
    assert clones[0]["disk"]["cached"]["/usr/bin/python3.11"] == digest.split()[0]


def clock_of_a_clone(pyro):
    """Its clock between two looks at ours. It is asked many times, and the answer that came fastest tells most."""
    script = "while read x; do echo $EPOCHREALTIME; done"
    readings = []
    with pyro.popen("run", BASE, "--", "bash", "-c", script, stdin=subprocess.PIPE) as process:
        for _ in range(READINGS):
            before = time.time()
            process.stdin.write(b"\n")
            process.stdin.flush()
            guest = float(process.stdout.readline())
            readings.append((before, guest, time.time()))
        process.stdin.close()
        process.wait(60)
    return min(readings, key=lambda reading: reading[2] - reading[0])


def test_clock(pyro):
    """A clone is late by as long as the time took to reach it, which on an overloaded host can be more than the bound:
    of a few clones one must have been told in time. A clock that is not set is late by the template's age."""
    seen = []
    for _ in range(CLONES):
        before, guest, after = clock_of_a_clone(pyro)
        seen.append((guest - before, after - guest))
        if before - CLOCK_BOUND <= guest <= after + CLOCK_BOUND:
            return
    pytest.fail(f"no clone's clock was within {CLOCK_BOUND} s: {seen}")
