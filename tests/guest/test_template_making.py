"""Making templates: one maker however many ask, and whatever is killed on the way, nothing half-made is ever used."""

import json
import os
import shutil
import signal
import time

import pytest

from conftest import BASE, COLD, wait_until

MANY, ASKERS = 30, 6


@pytest.fixture
def none(own):
    """`own` without any template, though what else belongs to them is there."""
    for name in own.names():
        shutil.rmtree(own.templates / name)
    yield own
    own.assert_whole()


def held(own, shim, tmp_path):
    """Environment in which a maker stops before its last step; whether it has come there."""
    mark = tmp_path / "held"
    return {"LD_PRELOAD": str(shim), "PYRO_TEST_HOLD": str(mark)}, mark.exists


def started_pull(own, step, shim, tmp_path):
    """`pyro env pull`, which has just come to that step of making a template."""
    env, is_held = held(own, shim, tmp_path) if step == "installing" else (None, None)
    process = own.popen("env", "pull", BASE, env=env)
    word = "freezing" if step == "installing" else step
    for line in process.stderr:
        if f"[template] phase={word}".encode() in line:
            break
    else:
        pytest.fail(f"never came to {step}")
    if is_held:
        wait_until(is_held, 60, "the end of freezing")
    return process


def started_in_background(own, step, shim, tmp_path):
    """A start without a template, whose maker has come to that step."""
    env, is_held = held(own, shim, tmp_path) if step == "installing" else (None, None)
    process = own.popen("run", BASE, "--", "true", env=env)
    process.communicate(timeout=60)
    file = {"boot": "ram", "freezing": "state"}.get(step)
    wait_until(is_held or (lambda: list(own.templates.glob(f".new-*/{file}"))), 60, step)
    return process


def victim(own, process, name):
    """Pid of it; all that runs is the maker's. pyro-template starts as two processes, one of which ends at once."""
    if name == "pyro":
        return process.pid
    return own.process(name)


KILLS = [  # each process, at each step
    ("pyro", "boot"), ("pyro", "installing"), ("pyro-template", "boot"), ("pyro-template", "freezing"),
    ("pyro-supervisor", "freezing"), ("bwrap", "warming"), ("qemu-system", "boot"),
]  # fmt: skip


@pytest.mark.parametrize("name, step", KILLS)
def test_kill_9(none, shim, tmp_path, name, step):
    own = none
    start = started_in_background if name == "pyro-template" else started_pull
    process = start(own, step, shim, tmp_path)
    os.kill(victim(own, process, name), signal.SIGKILL)
    if process.stderr and not process.stderr.closed:
        process.communicate(timeout=60)
    wait_until(lambda: not own.processes(), 10, "the end of all that makes a template")
    if name in ("bwrap", "qemu-system") and step == "boot":  # a boot that fails is tried once more
        assert len(own.names()) == 1
    else:
        assert own.names() == [] and own.listed() == {}
        assert own.start()["boot_kind"] == "cold"
        own.settle()
    assert own.start()["boot_kind"] == "restored"


def test_one_maker_however_many_ask(none):
    """Who comes first boots and has it made; others wait for it. Each VM that was started has a log directory."""
    own = none
    before = len(list(own.logs.iterdir()))
    many = [own.popen("run", BASE, "--json", "--", "echo", "up") for _ in range(ASKERS)]
    kinds = []
    for process in many:
        out, err = process.communicate(timeout=120)
        told = json.loads(out)
        assert process.returncode == 0 and told["stdout"] == "up\n", err
        kinds.append(told["boot_kind"])
    assert "cold" in kinds and "restored" in kinds
    own.settle()
    assert len(list(own.logs.iterdir())) - before == ASKERS + 1
    (name,) = own.names()
    made_at = own.manifest(name)["made_at"]
    assert own.start()["boot_kind"] == "restored"
    assert own.manifest(name)["made_at"] == made_at


def test_a_maker_that_hangs(none, shim, tmp_path):
    """A start that waits for it can be interrupted; later ones do not wait any more, nor start another."""
    own = none
    started_in_background(own, "installing", shim, tmp_path)
    (staged,) = own.staged()
    maker = own.process("pyro-template")
    waiting = own.popen("run", BASE, "--verbose", "--", "true")
    assert any(b"[template] phase=waiting" in line for line in waiting.stderr)
    waiting.send_signal(signal.SIGINT)
    waiting.communicate(timeout=20)
    assert waiting.returncode == 130
    began = time.time() - 60
    os.utime(own.templates / f"{staged[5:]}.lock", (began, began))
    assert own.start()["boot_kind"] == "cold"
    wait_until(lambda: own.processes() == {maker: "pyro-template"}, 2, "nothing but the maker")
    os.kill(maker, signal.SIGKILL)
    own.settle()
    own.make()


def test_switched_off(none):
    """Neither used nor made."""
    for _ in range(2):
        assert none.start(env=COLD)["boot_kind"] == "cold"
        none.settle()
        assert none.names() == []
    none.make()
    assert none.start(env=COLD)["boot_kind"] == "cold"


def test_many_clones_at_once_all_answer(pyro):
    many = [
        pyro.popen("run", BASE, "--mem-mib", "256", "--json", "--", "echo", f"clone {i}")
        for i in range(MANY)
    ]
    for i, process in enumerate(many):
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
        assert f'"clone {i}\\n"'.encode() in out and b'"boot_kind": "restored"' in out, out
    pyro.assert_nothing_left(5)
