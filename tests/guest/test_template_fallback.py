"""A template that seems good and cannot be restored: the guest boots instead, and after some failures at once."""

import shutil

import pytest

from templates import compile_c, restamp

FAILURES_MAX = 3  # PYRO_TEMPLATE_FAILURES_MAX in src/template/template.h


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """Makes a QEMU that cannot restore; the environment variables that have it used."""
    real = shutil.which("qemu-system-x86_64")
    directory = tmp_path_factory.mktemp("qemu")

    def make(*flags):
        program = directory / f"qemu-system-x86_64{''.join(flags)}"
        compile_c("broken_qemu.c", program, f'-DREAL_QEMU="{real}"', *flags)
        return {"PYRO_QEMU": str(program)}

    return make


def fell_back(told, word):
    assert (told["boot_kind"], told["boot_attempts"]) == ("cold", 2), told
    assert word in told["boot_fallback"], told["boot_fallback"]


def just_boots(told):
    assert (told["boot_kind"], told["boot_attempts"], told["boot_fallback"]) == ("cold", 1, None), told


def test_a_few_failures_are_enough(own, broken):
    """Each is followed by a template made anew, which might be better; the last by no more tries, until a prune."""
    env = broken()
    for failures in range(1, FAILURES_MAX + 1):
        just_boots(own.start(env=env))
        own.settle()
        (name,) = own.names()
        fell_back(own.start(env=env), "ended")
        (finding,) = own.findings()
        assert name in finding["detail"] and "ended" in finding["detail"]
        assert finding["fix"] == ("pyro env prune" if failures == FAILURES_MAX else None), finding
        assert own.findings() == []
    made_at = own.manifest(name)["made_at"]
    for _ in range(2):
        just_boots(own.start(env=env))
        assert "pyro-template" not in own.processes().values()
    assert own.manifest(name)["made_at"] == made_at
    assert own.run("env", "prune", env=env).returncode == 0
    assert own.names() == []
    just_boots(own.start(env=env))
    own.settle()
    fell_back(own.start(env=env), "ended")
    own.assert_nothing_left()


def test_a_restore_that_hangs(own, broken):
    env = broken("-DHANGS")
    just_boots(own.start(env=env))
    own.settle()
    fell_back(own.start(env=env), "did not answer")
    own.assert_nothing_left()


@pytest.mark.parametrize("file", ["state", "ram"])
def test_content_that_is_nonsense(own, file):
    """What the times do not tell: QEMU refuses the state; a guest on wrong memory does not answer."""
    name = own.make()
    path = own.templates / name / file
    size = path.stat().st_size
    path.chmod(0o600)
    with open(path, "r+b") as content:
        content.truncate(0 if file == "ram" else size // 2)
        content.truncate(size)
    restamp(path.parent)
    assert own.listed()[name]["usable"] is True
    fell_back(own.start(), "")
    assert own.listed()[name]["usable"] is False
    just_boots(own.start())
    own.settle()
    assert own.start()["boot_kind"] == "restored"
    assert own.staged() == []
    own.assert_nothing_left()
