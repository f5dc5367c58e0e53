"""Calls that do something: results, output, threads, `with` blocks, asyncio."""

import asyncio
import concurrent.futures
import threading

import pytest
from conftest import BASE, SMALL, live_vms

from pyro_mcp import AsyncPyro, Pyro, PyroError, asynchronous

BARRIER = """
mkdir -p /tmp/{name} && touch /tmp/{name}/{number}
until set -- /tmp/{name}/* && [ $# -ge {count} ]; do sleep 0.3; done
"""


def test_run_in_vm(pyro, home):
    before = live_vms(home)
    chunks = []
    result = pyro.run_in_vm(
        BASE, command="echo out; echo err >&2; exit 3", on_output=lambda *chunk: chunks.append(chunk), **SMALL
    )
    assert (result["exit_code"], result["stdout"], result["stderr"]) == (3, "out\n", "err\n")
    assert result["cleanup"] == {"deleted": True}
    assert sorted(chunks) == [("stderr", b"err\n"), ("stdout", b"out\n")]
    assert live_vms(home) == before


def test_list_environments(pyro):
    assert BASE in [entry["name"] for entry in pyro.list_environments()]


def test_blocks_end_while_others_look(home):
    """Whoever looks whether a workspace lives must not keep its directory from being removed."""
    ended = threading.Event()

    def look():
        while not ended.wait(0.01):
            Pyro().reap_expired()

    def use():
        for _ in range(3):
            with Pyro().workspace(BASE, **SMALL) as made:
                assert made.exec("true")["exit_code"] == 0

    before = live_vms(home)
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        looking = [threads.submit(look) for _ in range(2)]
        using = [threads.submit(use) for _ in range(2)]
        concurrent.futures.wait(using)
        ended.set()
        for done in using + looking:
            done.result()
    assert live_vms(home) == before


def test_20_threads_at_once(workspace):
    """Each command ends only when all of them run."""
    pyro = Pyro()
    with concurrent.futures.ThreadPoolExecutor(20) as threads:
        calls = [
            threads.submit(
                pyro.exec_workspace, workspace.id, command=BARRIER.format(name="threads", number=i, count=20),
                timeout_seconds=60,
            )
            for i in range(20)
        ]  # fmt: skip
        results = [call.result() for call in calls]
    assert [result["exit_code"] for result in results] == [0] * 20
    assert len({result["sequence"] for result in results}) == 20


def test_output_comes_as_it_is_written_in_the_thread_that_called(workspace):
    seen = []

    def look(stream, data):
        seen.append((stream, data, threading.get_ident()))
        if b"first" in data:
            Pyro().exec_workspace(workspace.id, command="touch /tmp/go-on")

    result = workspace.exec("echo first; until [ -e /tmp/go-on ]; do sleep 0.1; done; echo second", on_output=look)
    assert result["exit_code"] == 0
    assert b"".join(data for _, data, _ in seen) == b"first\nsecond\n"
    assert {thread for _, _, thread in seen} == {threading.get_ident()}


def test_what_a_callback_raises_ends_the_command(workspace):
    def refuse(stream, data):
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        workspace.exec("echo x; sleep 60", on_output=refuse)
    assert workspace.exec("pgrep -x sleep")["exit_code"] == 1


def test_binary_and_text(pyro, workspace, tmp_path):
    chunks = []
    result = workspace.exec(r"printf '\377\000ä'", on_output=lambda _, data: chunks.append(data))
    assert b"".join(chunks) == b"\xff\0\xc3\xa4"
    assert result["stdout"].endswith("ä") and "�" in result["stdout"]
    (tmp_path / "seed").mkdir()
    (tmp_path / "seed" / "a").write_text("ä\n")
    assert workspace.push(tmp_path / "seed")["workspace_sync"]["entry_count"] >= 1
    assert "a" in [entry["path"] for entry in workspace.diff()["entries"]]
    workspace.export("a", output_path=tmp_path / "home")
    assert (tmp_path / "home").read_text() == "ä\n"
    shell = pyro.open_shell(workspace.id, cols=80)
    pyro.write_shell(workspace.id, shell["shell_id"], input="echo $((6 * 7))")
    read = pyro.read_shell(workspace.id, shell["shell_id"], plain=True, wait_for_idle_ms=500)
    assert "42" in read["output"]
    assert pyro.close_shell(workspace.id, shell["shell_id"])["closed"]


def test_progress(tmp_path):
    """Of a pull, which this ends at its first step."""
    steps = []

    def look(step):
        steps.append(step)
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        Pyro(tmp_path / "home", on_progress=look).pull_environment(BASE)
    (step,) = steps
    assert (step["operation"], bool(step["phase"]), bool(step["message"])) == ("pull", True, True)
    assert step["total"] is None or step["done"] <= step["total"]
    assert [path for path in (tmp_path / "home" / "environments").iterdir() if path.is_dir()] == []


def test_blocks_leave_nothing(pyro, home):
    before = live_vms(home)
    with pytest.raises(LookupError):
        with pyro.workspace(BASE, **SMALL) as workspace:
            assert workspace.exec(["sh", "-c", "echo $0"])["stdout"] == "sh\n"
            raise LookupError
    with pyro.vm(BASE, **SMALL) as vm:
        assert vm.status()["state"] == "started"
    with pyro.vm(BASE, **SMALL) as vm:
        assert vm.exec("true")["exit_code"] == 0
    for scope in (workspace, vm):
        with pytest.raises(RuntimeError, match="inside of the `with` block"):
            scope.status()
    with pytest.raises(RuntimeError):
        pyro.vm(BASE).id
    assert live_vms(home) == before


def test_asyncio(workspace):
    async def all_at_once():
        async with AsyncPyro() as pyro:
            commands = [BARRIER.format(name="tasks", number=i, count=20) for i in range(20)]
            return await asyncio.gather(
                *(pyro.exec_workspace(workspace.id, command=command, timeout_seconds=60) for command in commands)
            )

    assert [result["exit_code"] for result in asyncio.run(all_at_once())] == [0] * 20


def test_asyncio_cancels(workspace):
    async def cancel():
        started = asyncio.Event()
        loop = asyncio.get_running_loop()
        async with AsyncPyro() as pyro:
            task = asyncio.create_task(
                pyro.exec_workspace(
                    workspace.id, command="echo x; exec sleep 61",
                    on_output=lambda *_: loop.call_soon_threadsafe(started.set),
                )
            )  # fmt: skip
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            with pytest.raises(PyroError, match="unknown|no workspace"):
                await pyro.status_workspace("ws-1")
        with pytest.raises(PyroError, match="closed"):
            await pyro.list_environments()

    asyncio.run(cancel())
    assert workspace.exec("pgrep -f '[s]leep 61'")["exit_code"] == 1


def test_asyncio_blocks(home):
    before = live_vms(home)

    async def blocks():
        async with AsyncPyro() as pyro, pyro.workspace(BASE, **SMALL) as workspace:
            return await workspace.exec("echo here")

    assert asyncio.run(blocks())["stdout"] == "here\n"
    assert live_vms(home) == before


def test_blocks_end_though_their_pyro_is_closed(home):
    before = live_vms(home)

    async def blocks():
        async with AsyncPyro() as pyro, pyro.workspace(BASE, **SMALL):
            await pyro.close()

    pyro = Pyro()
    with pyro.workspace(BASE, **SMALL):
        pyro.close()
    asyncio.run(blocks())
    assert live_vms(home) == before


def test_a_block_is_entered_once(workspace):
    with pytest.raises(RuntimeError, match="entered already"):
        workspace.__enter__()
    assert workspace.exec("echo here")["stdout"] == "here\n"


def test_asyncio_cancels_what_has_not_begun(monkeypatch, workspace):
    """One thread only, which is busy."""
    monkeypatch.setattr(asynchronous, "MOST_AT_ONCE", 1)

    async def cancel():
        async with AsyncPyro() as pyro:
            busy = asyncio.create_task(pyro.exec_workspace(workspace.id, command="exec sleep 62"))
            waiting = asyncio.create_task(pyro.exec_workspace(workspace.id, command="touch /tmp/begun"))
            await asyncio.sleep(0.2)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert not busy.done()
            busy.cancel()
            with pytest.raises(asyncio.CancelledError):
                await busy

    asyncio.run(cancel())
    assert workspace.exec("ls /tmp/begun")["exit_code"] != 0


def test_asyncio_callback_that_raises_stop_iteration(workspace):
    async def call():
        async with AsyncPyro() as pyro:
            await pyro.exec_workspace(workspace.id, command="echo x; sleep 100", on_output=lambda *_: next(iter(())))

    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(asyncio.wait_for(call(), 60))
