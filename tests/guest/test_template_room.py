"""What lies in templates/: who may read and write it, what it may take, and what goes when."""

import errno
import hashlib
import os
import pathlib
import shutil
import stat

import pytest

from conftest import BASE, BUILD
from templates import FILES, change

EXPECTED_MIB = 256  # what a maker assumes its template will take, EXPECTED_BYTES in src/template/make.c
KEYS = {
    "name", "vcpu_count", "mem_mib", "network", "usable", "problem", "disk_usage_bytes", "ram_bytes",
    "made_at", "making_ms", "last_used_at", "warm_up",
}  # fmt: skip


def shape(mem_mib):
    return ("--mem-mib", str(mem_mib))


class Live:
    """A clone that runs until it is let go, and then says so."""

    def __init__(self, own, *flags, script="true"):
        self.process = own.popen("run", BASE, *flags, "--", "sh", "-c", f"{script}; echo up; read x; echo $x",
                                 stdin=-1)  # fmt: skip
        assert self.process.stdout.readline() == b"up\n"

    def end(self):
        out, err = self.process.communicate(b"well\n", timeout=60)
        assert (out, self.process.returncode) == (b"well\n", 0), err


@pytest.fixture
def live(own):
    started = []

    def start(*flags, **keywords):
        started.append(Live(own, *flags, **keywords))
        return started[-1]

    yield start
    for clone in started:
        clone.process.kill()
        clone.process.communicate()
    own.assert_nothing_left()


def digests(directory):
    found = {}
    for name in FILES:
        with open(directory / name, "rb") as file:
            found[name] = hashlib.file_digest(file, "sha1").hexdigest()
    return found


def test_nobody_else_may_look(own):
    """Though the caller's umask would let them."""
    os.chmod(own.home, 0o755)
    old = os.umask(0)
    try:
        own.make()
    finally:
        os.umask(old)
    assert stat.S_IMODE(own.templates.stat().st_mode) == 0o700
    for path in own.templates.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_what_inspect_says(own):
    name = own.make()
    (entry,) = own.listed().values()
    assert entry.keys() == KEYS
    assert (entry["name"], entry["vcpu_count"], entry["mem_mib"], entry["network"]) == (name, 1, 1024, False)
    assert entry["usable"] is True and entry["problem"] is None
    directory = own.templates / name
    assert entry["ram_bytes"] == (directory / "ram").stat().st_blocks * 512 < 1024 << 20
    assert entry["disk_usage_bytes"] >= sum(p.stat().st_blocks * 512 for p in directory.iterdir())
    assert 0 < entry["made_at"] <= entry["last_used_at"] and entry["making_ms"] > 0
    assert entry["warm_up"] and all(isinstance(command, str) for command in entry["warm_up"])
    text = own.run("env", "inspect", BASE).stdout.decode()
    assert "1 vCPU, 1024 MiB" in text


def qemu_of(own):
    return pathlib.Path("/proc") / str(own.process("qemu-system"))


def refuses(path):
    with pytest.raises(OSError) as caught:
        os.close(os.open(path, os.O_WRONLY))
    assert caught.value.errno in (errno.EROFS, errno.EACCES), caught.value
    return caught.value.errno


def test_a_clone_cannot_poison_the_template(own, live):
    """A process in QEMU's jail finds the memory on a read-only mount, and QEMU's own mapping is private."""
    name = own.make()
    clone = live()
    qemu = qemu_of(own)
    ram = qemu / "root" / "vm" / "ram"
    try:
        ram.stat()
    except OSError as error:
        pytest.skip(f"cannot look into the jail: {error}")
    mounts = [line.split() for line in (qemu / "mountinfo").read_text().splitlines()]
    options = {mount[4]: mount[5].split(",") for mount in mounts}
    assert "ro" in options["/vm/ram"] and "rw" in options["/vm/overlay.qcow2"]
    opened = [fd for fd in (qemu / "fd").iterdir() if os.readlink(fd).endswith("/ram")]
    for path in (ram, *opened):
        assert refuses(path) == errno.EROFS or os.getuid() != 0
    lines = [line.split() for line in (qemu / "maps").read_text().splitlines()]
    modes = {words[1] for words in lines if words[-1].endswith("/ram")}
    assert modes and all(mode.endswith("p") for mode in modes), modes
    templates = str(own.templates / name)
    for fd in (qemu / "fd").iterdir():
        if os.readlink(fd).startswith(templates):
            flags = int((qemu / "fdinfo" / fd.name).read_text().split("flags:")[1].split()[0], 8)
            assert flags & os.O_ACCMODE == os.O_RDONLY, os.readlink(fd)
    clone.end()


@pytest.mark.parametrize("jail", [True, False])
def test_what_a_clone_writes_stays_its_own(own, tmp_path, jail):
    """Much memory and some disk; also where bubblewrap cannot make a jail, and only QEMU's own manners are left."""
    env = {}
    if not jail:
        (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions' >&2\nexit 1\n")
        (tmp_path / "bwrap").chmod(0o755)
        env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    name = own.make()
    before = digests(own.templates / name)
    script = "yes | head -c 200M >/dev/shm/a; yes | head -c 20M >/root/a; sync; echo up"
    told = own.run_json("sh", "-c", script, env=env)
    assert (told["stdout"], told["boot_kind"]) == ("up\n", "restored"), told
    assert jail or not told["isolation"].endswith("+jail")
    assert digests(own.templates / name) == before
    assert own.start()["boot_kind"] == "restored"


def test_the_least_recently_used_goes(own, live):
    """The limit leaves room for one template less than there would be; one that is in use is passed over."""
    old, other = own.make(*shape(256)), own.make(*shape(272))
    for name in set(own.names()) - {old, other}:
        shutil.rmtree(own.templates / name)
    own.make(*shape(256))  # now the other one is older

    def limit():
        taken = sum(entry["disk_usage_bytes"] for entry in own.listed().values())
        return {"PYRO_TEMPLATES_MAX_MIB": str((taken >> 20) + EXPECTED_MIB - 1)}

    assert own.start(*shape(288), env=limit())["boot_kind"] == "cold"
    own.settle()
    third = next(iter(set(own.names()) - {old, other}))
    assert own.names() == sorted([old, third])

    clone = live(*shape(256))
    assert own.make(*shape(288)) == third  # now the one in use is older
    assert own.last_use(old) < own.last_use(third)
    assert own.start(*shape(304), env=limit())["boot_kind"] == "cold"
    own.settle()
    assert old in own.names() and third not in own.names() and len(own.names()) == 2
    clone.end()
    assert all(entry["usable"] for entry in own.listed().values())


@pytest.fixture
def elsewhere(tmp_path):
    """pyro installed a second time: the same programs, another agent file."""
    directory = tmp_path / "libexec"
    directory.mkdir()
    for name in ("pyro-agent", "pyro-supervisor", "pyro-template", "libpyro-readonly.so"):
        shutil.copy(BUILD / name, directory)
    return {"PYRO_LIBEXEC": str(directory)}


def pruned(own, **keywords):
    before = set(own.names())
    result = own.json("env", "prune", **keywords)
    assert result["count"] == len(result["deleted"])
    return before - set(own.names()), result


def test_prune_removes_what_nothing_can_use(own, live, elsewhere):
    """But never what a live guest uses, even if no other can start from it."""
    used, unused, damaged = own.make(*shape(256)), own.make(*shape(272)), own.make(*shape(304))
    change(own.templates / damaged / "state", "touched")
    (own.templates / f".new-{unused}").mkdir()
    gone, result = pruned(own)
    assert gone == {damaged} and own.staged() == [] and result["count"] == 2
    assert result["freed_bytes"] > 0
    assert {"unfinished template", "template: its file state was changed since it was made"} == {
        entry["reason"] for entry in result["deleted"]
    }
    assert pruned(own)[0] == set()

    clone = live(*shape(256))
    entry = own.listed(env=elsewhere)[used]
    assert entry["usable"] is False and "agent" in entry["problem"]
    gone, result = pruned(own, env=elsewhere)
    assert unused in gone and used not in gone
    clone.end()
    assert used in pruned(own, env=elsewhere)[0]


def test_another_agent_has_templates_of_its_own(own, elsewhere):
    own.make()
    assert own.start(env=elsewhere)["boot_kind"] == "cold"
    own.settle()
    assert own.start(env=elsewhere)["boot_kind"] == "restored"
    assert own.start()["boot_kind"] == "restored"
    assert len([name for name in own.names() if own.manifest(name)["of"]["mem_mib"] == 1024]) == 2
