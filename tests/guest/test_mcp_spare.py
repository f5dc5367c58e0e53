"""The guests that a server keeps ready: who gets them, and that none stays."""

import os
import signal
import time

import pytest
from conftest import BASE, wait_until
from mcp_client import Client
from mcp_http import Server

SHAPE = {"environment": BASE, "mem_mib": 256}


@pytest.fixture
def serve(pyro):
    """Starts servers that keep spares; all that ran must be gone with the last of them."""
    clients = []

    def start(spare_seconds=600, **keywords):
        clients.append(Client(pyro, spare_seconds=spare_seconds, **keywords))
        return clients[-1]

    yield start
    for client in clients:
        # One that was killed while it made a guest would leave that to be removed by the next command.
        client.process.terminate()
        client.process.wait(10)
        client.__exit__()
    pyro.assert_nothing_left(5)


def run(client, command, **more):
    result = client.call("vm_run", command=command, **{**SHAPE, **more})
    assert "isError" not in result, result
    return result["structuredContent"]["stdout"].strip()


def spare(pyro, *others):
    """Waits for one to be there: the name that its guest has."""
    found = []

    def is_there():
        rows = (row.split("|")[0] for row in pyro.rows())  # a template that is being made has none
        found[:] = [name for name in rows if name not in others]
        return len(found) == 1 and os.path.exists(f"{pyro.home}/vms/{found[0]}/socket")

    wait_until(is_there, 60, "a spare")
    return found[0]


def test_the_next_run_gets_the_guest_that_was_made_ready(pyro, serve):
    client = serve()
    client.ask("tools/list")
    client.call("vm_list_environments")
    assert pyro.bundles() == [], "nothing runs before something is run"
    first = run(client, "hostname")
    ready = spare(pyro)
    assert not ready.startswith(first)
    assert ready.startswith(run(client, "hostname; echo x >/root/mark", timeout_seconds=10))
    following = spare(pyro, ready)
    assert following.startswith(run(client, "hostname; ls /root")), "with nothing of the last one's in it"


def test_over_http(pyro):
    """Its module has a core of its own, which has to make and to end them."""
    with Server(pyro, spare_seconds=600) as server:
        for _ in range(2):
            result = server.legacy("tools/call", name="vm_run", arguments={**SHAPE, "command": "true"})["result"]
            assert result["structuredContent"]["exit_code"] == 0
            spare(pyro)
        assert server.stop(signal.SIGTERM) == (143, b"")
    pyro.assert_nothing_left(5)


def test_another_shape_gets_its_own(pyro, serve):
    client = serve()
    run(client, "true")
    ready = spare(pyro)
    assert int(run(client, "awk '/MemTotal/ { print $2 }' /proc/meminfo", mem_mib=384)) > 300 * 1024
    other = spare(pyro, ready)
    assert other.startswith(run(client, "hostname", mem_mib=384))


def test_a_workspace_takes_its_own_and_its_time_begins_then(pyro, serve):
    client = serve()
    first = client.call("workspace_create", **SHAPE)["structuredContent"]["workspace_id"]
    ready = spare(pyro, first.replace("ws", "vm"))
    time.sleep(1)
    before = time.time()
    made = client.call("workspace_create", ttl_seconds=77, **SHAPE)["structuredContent"]
    assert made["workspace_id"] == ready.replace("vm", "ws")
    assert made["ttl_seconds"] == 77 and before - 1 < made["created_at"] < before + 30
    assert made["command_count"] == 0, "what warmed it is nobody's command"
    assert made["created_at"] + 76 < made["expires_at"] < time.time() + 78
    client.end()
    wait_until(lambda: len(pyro.rows()) == 2, 10, "the end of the third, which nobody took")
    for workspace in (first, made["workspace_id"]):
        assert pyro.run("workspace", "exec", workspace, "--", "cat", "/etc/hostname").stdout.startswith(b"vm-")
    assert pyro.json("workspace", "status", made["workspace_id"])["ttl_seconds"] == 77
    for workspace in (first, made["workspace_id"]):
        pyro.run("workspace", "delete", workspace)


def test_one_that_nobody_takes_is_given_back(pyro, serve):
    client = serve(spare_seconds=3)
    run(client, "true")
    spare(pyro)
    wait_until(lambda: pyro.rows() == [], 60, "its end")
    assert run(client, "echo still here") == "still here"


def test_one_that_was_killed_is_missed_by_nobody(pyro, serve):
    client = serve()
    run(client, "true")
    spare(pyro)
    os.kill(pyro.process("pyro-supervisor"), signal.SIGKILL)
    assert run(client, "echo all the same") == "all the same"


def test_it_makes_room_for_what_is_asked_for(pyro, serve):
    client = serve(env={"PYRO_MAX_ACTIVE_VMS": "2"})
    run(client, "true")
    spare(pyro)
    ids = [client.call("workspace_create", **SHAPE)["structuredContent"].get("workspace_id") for _ in range(2)]
    assert all(ids), "the spare is no reason to refuse the second"
    for workspace in ids:
        pyro.run("workspace", "delete", workspace)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, None], ids=["killed", "terminated", "end-of-input"])
def test_none_outlives_its_server(pyro, serve, how):
    client = serve()
    run(client, "true")
    spare(pyro)
    started = time.monotonic()
    client.process.send_signal(how) if how else client.process.stdin.close()
    client.process.wait(5)
    assert time.monotonic() - started < 2.5
    pyro.assert_nothing_left(5)
