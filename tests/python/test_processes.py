"""Ctrl-C, forks, other interpreters, and what an import brings along."""

import contextlib
import multiprocessing
import os
import signal
import sqlite3
import sys
import threading
import time
import types

import pytest
from conftest import BASE, SMALL, live_vms

from pyro_mcp import Pyro, PyroError, _calls, _pyro

INTERRUPTED = """
    import time
    from pyro_mcp import Pyro
    pyro = Pyro()
    def say(*_):
        print("now", flush=True)
    try:
        {call}
    except KeyboardInterrupt:
        print(time.monotonic(), flush=True)
"""
# What is interrupted while it waits.
WAITING = {
    "run_in_vm": f'pyro.run_in_vm("{BASE}", command="echo x; sleep 100", on_output=say, mem_mib=256)',
    "exec_workspace": 'pyro.exec_workspace("{id}", command="echo x; sleep 100", on_output=say)',
    "start_service": 'say(); pyro.start_service("{id}", "slow", command="sleep 100", readiness={{"type": "file", "path": "/no"}})',
    "read_shell": 'shell = pyro.open_shell("{id}")["shell_id"]; '
                  'read = pyro.read_shell("{id}", shell, wait_for_idle_ms=500); '
                  'say(); pyro.read_shell("{id}", shell, cursor=read["next_cursor"], wait_ms=60000)',
    "create_workspace": f'say(); pyro.create_workspace("{BASE}", mem_mib=320)',
    "start_vm": f'id = pyro.create_vm("{BASE}", mem_mib=320)["vm_id"]; say(); pyro.start_vm(id)',
}  # fmt: skip
WITHIN_SECONDS = 2  # bench/python.py says how long it is


def interrupt(process):
    """How long after the signal Python knew of it."""
    assert process.stdout.readline() == "now\n"
    time.sleep(0.3)
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    return float(process.communicate(timeout=60)[0].split()[-1]) - sent


@pytest.mark.parametrize("name", WAITING)
def test_ctrl_c(script, workspace, home, name):
    before = live_vms(home)
    text = INTERRUPTED.format(call=WAITING[name].format(id=workspace.id))
    assert interrupt(script(text, env=dict(os.environ, PYRO_TEMPLATES="off"))) < WITHIN_SECONDS
    left = lambda: [vm for vm in live_vms(home) if vm not in before]  # noqa: E731
    deadline = time.monotonic() + 10
    while left() and time.monotonic() < deadline and name != "start_vm":
        time.sleep(0.05)
    for vm in left():  # what create_vm() made before is its caller's
        assert name == "start_vm"
        Pyro().delete_vm(vm)
    assert workspace.exec("pgrep -f '[s]leep 100'")["exit_code"] == 1


def test_ctrl_c_while_another_program_holds_the_store(script, workspace, home):
    with sqlite3.connect(home / "store.sqlite", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        call = f'say(); pyro.create_vm("{BASE}")'
        assert interrupt(script(INTERRUPTED.format(call=call))) < WITHIN_SECONDS
        other.execute("COMMIT")
    assert workspace.exec("true")["exit_code"] == 0


def test_ctrl_c_while_a_large_disk_is_removed(script, home):
    made = Pyro().create_workspace(BASE, **SMALL)["workspace_id"]
    Pyro().exec_workspace(made, command="dd if=/dev/zero of=large bs=1M count=400 oflag=direct", timeout_seconds=120)
    process = script(INTERRUPTED.format(call=f'say(); pyro.delete_workspace("{made}")'))
    assert process.stdout.readline() == "now\n"
    time.sleep(0.02)  # a fast disk has all of it gone after 50 ms
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert float(process.communicate(timeout=60)[0].split()[-1]) - sent < WITHIN_SECONDS
    deadline = time.monotonic() + 30
    while (home / "vms" / f"vm-{made[3:]}").exists() and time.monotonic() < deadline:
        Pyro().reap_expired()  # whoever comes next tidies up, if the interrupt came before there was anything to delete
        time.sleep(0.05)
        with contextlib.suppress(PyroError):
            Pyro().delete_workspace(made)
    with pytest.raises(PyroError, match="no workspace has the id"):
        Pyro().status_workspace(made)
    assert not (home / "vms" / f"vm-{made[3:]}").exists()


def test_a_handler_of_the_programs_own_does_not_end_the_call(script, workspace):
    process = script(
        f"""
        import signal
        from pyro_mcp import Pyro
        signal.signal(signal.SIGUSR1, lambda *_: print("handled", flush=True))
        result = Pyro().exec_workspace("{workspace.id}", command="echo x; until [ -e /tmp/handled ]; do sleep 0.1; done",
                                       on_output=lambda *_: print("now", flush=True))
        print(result["exit_code"])
        """
    )
    assert process.stdout.readline() == "now\n"
    process.send_signal(signal.SIGUSR1)
    assert process.stdout.readline() == "handled\n"
    workspace.exec("touch /tmp/handled")
    assert process.communicate(timeout=60)[0] == "0\n"


def execute(place):
    pyro, workspace_id, number = place
    return pyro.exec_workspace(workspace_id, command=f"echo {number}")["stdout"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing(workspace, method):
    pyro = Pyro()
    assert pyro.exec_workspace(workspace.id, command="true")["exit_code"] == 0
    with multiprocessing.get_context(method).Pool(3) as pool:
        places = [(pyro, workspace.id, number) for number in range(3)]
        assert pool.map_async(execute, places).get(timeout=60) == ["0\n", "1\n", "2\n"]
    assert pyro.exec_workspace(workspace.id, command="true")["exit_code"] == 0


def test_fork_while_calls_run(workspace):
    pyro = Pyro()
    started = threading.Event()
    busy = threading.Thread(
        target=pyro.exec_workspace,
        args=(workspace.id,),
        kwargs={"command": "echo x; until [ -e /tmp/forked ]; do sleep 0.1; done", "on_output": lambda *_: started.set()},
    )
    busy.start()
    assert started.wait(30)
    child = os.fork()
    if child == 0:
        try:
            ended = pyro.exec_workspace(workspace.id, command="touch /tmp/forked; exit 7")["exit_code"]
        finally:
            os._exit(ended)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    busy.join(60)
    assert not busy.is_alive()


def test_forks_while_others_are_in_the_store(home):
    """SQLite's locks are not held in the child by threads that it does not have."""
    missing = "vm-" + 32 * "0"
    over = threading.Event()

    def ask():
        with pytest.raises(PyroError, match=missing):
            Pyro().status_vm(missing)

    def ask_again_and_again():
        while not over.is_set():
            ask()

    threads = [threading.Thread(target=ask_again_and_again) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(30):
            child = os.fork()
            if child == 0:
                signal.alarm(60)
                status = 1
                try:
                    ask()
                    status = 0
                finally:
                    os._exit(status)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        over.set()
        for thread in threads:
            thread.join()
    ask()


def test_two_interpreters(script, workspace):
    name = "_xxsubinterpreters" if sys.version_info < (3, 13) else "_interpreters"
    process = script(
        f"""
        import {name} as interpreters
        from pyro_mcp import Pyro
        code = '''
        from pyro_mcp import Pyro
        print(Pyro().exec_workspace("{workspace.id}", command="echo other")["stdout"], end="", flush=True)
        '''
        import textwrap
        other = interpreters.create()
        interpreters.run_string(other, textwrap.dedent(code))
        interpreters.destroy(other)
        print(Pyro().exec_workspace("{workspace.id}", command="echo main")["stdout"], end="")
        """
    )
    assert process.communicate(timeout=60)[0] == "other\nmain\n"


def test_the_interpreter_may_end_while_a_thread_calls(script, workspace):
    process = script(
        f"""
        import threading
        from pyro_mcp import Pyro
        started = threading.Event()
        threading.Thread(target=Pyro().exec_workspace, args=("{workspace.id}",), daemon=True,
                         kwargs=dict(command="echo x; sleep 30", on_output=lambda *_: started.set())).start()
        print(started.wait(30))
        """
    )
    assert process.communicate(timeout=20)[0] == "True\n"
    assert process.returncode == 0


def test_an_import_brings_nothing_heavy(script):
    process = script(
        """
        import sys
        before = set(sys.modules)
        from pyro_mcp import Pyro, create_server
        Pyro()
        print(*sorted(set(sys.modules) - before))
        """
    )
    brought = process.communicate(timeout=60)[0].split()
    assert "pyro_mcp._pyro" in brought
    small = {"errno", "collections", "functools", "itertools", "keyword", "operator", "reprlib", "types"}
    packages = {name.split(".")[0] for name in brought}
    assert {name for name in packages if not name.startswith("_")} <= small | {"pyro_mcp"}


MAKING = {
    "create_vm": lambda pyro, workspace: pyro.create_vm(BASE, **SMALL),
    "create_workspace": lambda pyro, workspace: pyro.create_workspace(BASE, **SMALL),
    "start_service": lambda pyro, workspace: pyro.start_service(workspace.id, "late", command="sleep 100"),
    "open_shell": lambda pyro, workspace: pyro.open_shell(workspace.id),
}


@pytest.mark.parametrize("name", MAKING)
def test_what_was_made_when_ctrl_c_came_too_late_is_taken_back(monkeypatch, home, workspace, name):
    """The call has succeeded and its caller will never hear of it. When a signal does that cannot be chosen, so the
    extension is made to say so."""
    def there():
        status = workspace.status()
        return live_vms(home), status["running_service_count"], status["running_shell_ids"]

    before = there()

    def interrupted(*arguments):
        monkeypatch.undo()
        assert _pyro.call(*arguments) is None
        raise KeyboardInterrupt

    monkeypatch.setattr(_calls, "_pyro", types.SimpleNamespace(call=interrupted))
    with pytest.raises(KeyboardInterrupt):
        MAKING[name](Pyro(), workspace)
    assert there() == before
