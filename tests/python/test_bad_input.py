"""What is wrong is a typed exception with the text that the command prints."""

import asyncio
import errno
import inspect
import os
import pathlib
import pickle
import re
import resource
import subprocess

import pytest
from conftest import BASE

import pyro_mcp
from pyro_mcp import AsyncPyro, Pyro, PyroError, errors

PROGRAM = pathlib.Path(pyro_mcp.__file__).parent / "libexec" / "pyro"


class Stranger:
    pass


recursive: list = []
recursive.append(recursive)

INVALID = {
    "a float": ("mem_mib", lambda p: p.create_vm(BASE, mem_mib=256.5)),
    "a str for a number": ("mem_mib", lambda p: p.create_vm(BASE, mem_mib="256")),
    "a bool for a number": ("mem_mib", lambda p: p.create_vm(BASE, mem_mib=True)),
    "a negative number": ("mem_mib", lambda p: p.create_vm(BASE, mem_mib=-1)),
    "a number without end in a list": ("command", lambda p: p.run_in_vm(BASE, command=[10**30])),
    "a number without end": ("mem_mib", lambda p: p.create_vm(BASE, mem_mib=10**30)),
    "infinity": ("mem_mib", lambda p: p.create_vm(BASE, mem_mib=float("inf"))),
    "not a number": ("vcpu_count", lambda p: p.create_vm(BASE, vcpu_count=float("nan"))),
    "None for a name": ("environment", lambda p: p.create_vm(None)),
    "a number for a name": ("environment", lambda p: p.create_vm(12)),
    "bytes for a name": ("environment", lambda p: p.create_vm(b"debian:12")),
    "bytes for a command": ("command", lambda p: p.run_in_vm(BASE, command=b"true")),
    "bytes in a command": ("command", lambda p: p.run_in_vm(BASE, command=["echo", b"x"])),
    "a set": ("command", lambda p: p.run_in_vm(BASE, command={"true"})),
    "an empty command": ("command", lambda p: p.run_in_vm(BASE, command=[])),
    "an object of a class": ("command", lambda p: p.run_in_vm(BASE, command=Stranger())),
    "a list in itself": ("command", lambda p: p.run_in_vm(BASE, command=recursive)),
    "half a character": ("command", lambda p: p.run_in_vm(BASE, command="\udcff")),
    "a NUL": ("command", lambda p: p.run_in_vm(BASE, command="echo \0")),
    "a dict for a str": ("vm_id", lambda p: p.status_vm({"vm_id": "x"})),
    "no function": ("on_output", lambda p: p.run_in_vm(BASE, command="true", on_output="print")),
    "a path of bytes": ("seed_path", lambda p: p.create_workspace(BASE, seed_path=b"/tmp")),
    "a probe of no kind": ("readiness", lambda p: p.start_service("ws-1", "web", command="true", readiness={"type": "luck"})),
    "a signal that is none": ("signal_name", lambda p: p.signal_shell("ws-1", "sh-1", signal_name="STOPPED")),
}


@pytest.mark.parametrize("what", INVALID)
def test_invalid_parameter(pyro, what):
    field, call = INVALID[what]
    with pytest.raises(ValueError) as raised:
        call(pyro)
    error = raised.value
    assert isinstance(error, PyroError)
    assert (error.code, error.field) == ("invalid_parameter", field)
    assert field in str(error)
    assert "Traceback" not in str(error)


# What Python would say of the first alone, the table says of all.
WORDS = {
    "unknown": (lambda p: p.create_vm(BASE, mem_mb=256), "vm_create: there is no parameter 'mem_mb' (did you mean mem_mib?)"),
    "missing": (lambda p: p.create_vm(), "vm_create: environment is missing"),
    "on_output": (lambda p: p.run_in_vm(BASE, comand="a", on_output=print), "(did you mean command?)"),
}


@pytest.mark.parametrize("what", WORDS)
def test_words_that_do_not_belong(pyro, what):
    call, text = WORDS[what]
    with pytest.raises(TypeError, match=re.escape(text)) as raised:
        call(pyro)
    assert isinstance(raised.value, PyroError) and raised.value.code == "invalid_parameter"


def test_what_is_inside_of_a_list_is_named(pyro):
    with pytest.raises(ValueError, match="command is or holds what pyro cannot take: bytes"):
        pyro.run_in_vm(BASE, command=[b"ls"])


def test_none_is_no_number(pyro):
    for name in ("mem_mib", "vcpu_count", "network"):
        with pytest.raises(TypeError, match=f"{name} must not be None") as raised:
            pyro.create_vm(BASE, **{name: None})
        assert isinstance(raised.value, ValueError) and raised.value.field == name
    assert pyro.delete_vm(pyro.create_vm(BASE, ttl_seconds=60)["vm_id"])["deleted"]


def test_words_that_only_python_refuses(pyro):
    for call in (lambda: pyro.status_vm("a", "b"), lambda: pyro.write_shell("a", "b"), lambda: pyro.logs_service("a", "b", follow=True)):
        with pytest.raises(TypeError) as raised:
            call()
        assert not isinstance(raised.value, PyroError)


def test_words_of_a_method_to_be_awaited():
    async def call():
        async with AsyncPyro() as pyro:
            await pyro.create_vm(BASE, memory=256)

    assert inspect.iscoroutinefunction(AsyncPyro.create_vm)
    with pytest.raises(TypeError, match="no parameter 'memory'"):
        asyncio.run(call())


UNKNOWN = {
    "unknown_environment": lambda p: p.create_vm("debian:99"),
    "unknown_vm": lambda p: p.status_vm("ws-0000000000000000"),
    "unknown_workspace": lambda p: p.status_workspace("vm-0000000000000000"),
}


@pytest.mark.parametrize("code", UNKNOWN)
def test_unknown(pyro, code):
    with pytest.raises(ValueError) as raised:
        UNKNOWN[code](pyro)
    assert raised.value.code == code
    assert raised.value.hint


def test_the_text_is_what_the_command_prints(pyro):
    calls = {
        ("env", "inspect", "debian:99"): lambda: pyro.inspect_environment("debian:99"),
        ("workspace", "status", "ws-1"): lambda: pyro.status_workspace("ws-1"),
        ("run", "debian:99", "--", "true"): lambda: pyro.run_in_vm("debian:99", command=["true"]),
    }
    for words, call in calls.items():
        with pytest.raises(PyroError) as raised:
            call()
        printed = subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False).stderr
        assert printed.split(": ", 1)[1] == str(raised.value) + "\n"


def test_a_path_that_is_not_there(pyro):
    with pytest.raises(FileNotFoundError, match="/nonexistent/seed") as raised:
        pyro.create_workspace(BASE, seed_path=pathlib.Path("/nonexistent/seed"))
    assert isinstance(raised.value, errors.PyroValueError)
    assert (raised.value.field, raised.value.errno) == ("seed_path", errno.ENOENT)


def test_after_close():
    pyro = Pyro()
    pyro.close()
    pyro.close()
    with pytest.raises(RuntimeError, match="closed") as raised:
        pyro.list_environments()
    assert raised.value.code == "wrong_state"


def test_a_home_that_is_no_path():
    for home in (3, object(), "a\0b"):
        with pytest.raises(ValueError) as raised:
            Pyro(home)
        assert raised.value.field == "home"
    with pytest.raises(ValueError, match="on_progress"):
        AsyncPyro(on_progress=3)


def test_a_home_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for home in ("/proc/nowhere", tmp_path / "file" / "home"):
        with pytest.raises(OSError) as raised:
            Pyro(home).run_in_vm(BASE, command="true")
        assert raised.value.code == "home_unusable"
        assert raised.value.errno
        assert "PYRO_HOME" in raised.value.hint


def test_missing_qemu(script, home):
    """On a host without QEMU: which package has it."""
    process = script(
        f"""
        from pyro_mcp import Pyro, PyroError
        try:
            Pyro().run_in_vm("{BASE}", command="true")
        except PyroError as error:
            print(error.code, error.hint)
        """,
        env={"PATH": "/nonexistent", "PYRO_HOME": str(home)},
    )
    told = process.communicate(timeout=120)[0]
    assert told.startswith("no_vm")
    assert "apt-get install qemu-system-x86" in told


def test_a_missing_library_is_named():
    from pyro_mcp._missing import PACKAGES, explain

    linked = subprocess.run(["ldd", pyro_mcp._pyro.__file__], capture_output=True, text=True, check=True).stdout
    named = {line.split(".so")[0].strip() for line in linked.splitlines() if ".so" in line}
    of_the_c_library = {"linux-vdso", "libc", "libm", "libpthread", "/lib64/ld-linux-x86-64"}
    assert {name for name in named if name.startswith("lib")} - of_the_c_library <= PACKAGES.keys()
    text = str(explain(ImportError("libjansson.so.4: cannot open shared object file: No such file or directory")))
    assert "apt-get install libjansson4" in text


def test_errors_travel_between_processes(pyro):
    with pytest.raises(PyroError) as raised:
        pyro.status_vm("vm-1")
    copy = pickle.loads(pickle.dumps(raised.value))
    assert type(copy) is errors.PyroValueError
    assert (copy.code, copy.hint, str(copy)) == (raised.value.code, raised.value.hint, str(raised.value))


def test_a_transport_that_is_none(pyro):
    for words in ({"transport": "sse"}, {"token_file": "/nonexistent/token"}, {"allow_path": "/tmp"}):
        with pytest.raises(ValueError) as raised:
            pyro.create_server().run(**words)
        assert raised.value.code == "invalid_parameter"


def test_no_descriptor_left(pyro):
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, limits[1]))
    try:
        with pytest.raises(OSError):
            while True:
                taken.append(os.dup(0))
        with pytest.raises(PyroError) as raised:
            pyro.list_environments()
    finally:
        for fd in taken:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert (raised.value.code, raised.value.errno) == ("system", errno.EMFILE)
    assert isinstance(raised.value, OSError)
    assert pyro.list_environments()


def test_a_home_that_is_no_path():
    for home in ("\udcff\ud800", "a\0b", 3):
        with pytest.raises(errors.PyroValueError) as raised:
            Pyro(home)
        assert raised.value.field == "home"
