"""The MCP server on pipes: what it says to clients of both kinds, to rubbish, and at the end. Most of it needs no VM."""

import json
import signal
import time

import pytest
from conftest import BASE
from mcp_client import CAPABILITIES, META, VERSION, Client

LEGACY = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]


@pytest.fixture
def client(empty):
    with Client(empty) as client:
        yield client


def error_of(reply):
    assert "result" not in reply
    return reply["error"]["code"]


# ---- both eras ----


@pytest.mark.parametrize("asked", [*LEGACY, "2026-07-28", "1999-01-01", None])
def test_initialize(client, asked):
    params = {"protocolVersion": asked} if asked else {}
    result = client.ask("initialize", **params)["result"]
    assert result["protocolVersion"] == (asked if asked in LEGACY else "2025-11-25")
    assert result["capabilities"] == {"tools": {}} and result["serverInfo"]["name"] == "pyro-mcp"
    assert 0 < len(result["instructions"]) < 2048
    assert not {"resultType", "ttlMs", "_meta"} & result.keys()
    client.notify("notifications/initialized")
    assert client.ask("ping")["result"] == {}


def test_discover(client):
    result = client.ask("server/discover", meta=META)["result"]
    assert result["resultType"] == "complete" and result["supportedVersions"] == ["2026-07-28"]
    assert result["capabilities"] == {"tools": {}} and result["ttlMs"] > 0 and result["cacheScope"] == "public"
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "pyro-mcp"


def test_each_message_by_itself(client):
    """A connection has no era: a client may probe with one and go on with the other."""
    modern = client.ask("tools/list", meta=META)["result"]
    legacy = client.ask("tools/list")["result"]
    assert modern["resultType"] == "complete" and modern["ttlMs"] > 0 and "resultType" not in legacy
    assert modern["tools"] == legacy["tools"] == client.ask("tools/list")["result"]["tools"]
    assert len(legacy["tools"]) == 28
    assert client.call("vm_list_environments", meta=META)["resultType"] == "complete"
    assert "resultType" not in client.call("vm_list_environments")


@pytest.mark.parametrize(
    "method, meta, code",
    [
        ("server/discover", {VERSION: "2026-07-28"}, -32602),
        ("server/discover", {**META, CAPABILITIES: []}, -32602),
        ("tools/list", {**META, VERSION: 7}, -32602),
        ("initialize", META, -32601),
        ("ping", META, -32601),
        ("resources/list", META, -32601),
        ("no/such", META, -32601),
        ("server/discover", None, -32601),
        ("resources/list", None, -32601),
        ("resources/templates/list", None, -32601),
        ("logging/setLevel", META, -32601),
        ("logging/setLevel", None, -32602),
    ],
)
def test_refused_methods(client, method, meta, code):
    assert error_of(client.ask(method, meta=meta)) == code


def test_a_log_level_can_be_set(client):
    assert client.ask("logging/setLevel", level="info")["result"] == {}
    assert error_of(client.ask("logging/setLevel", level="loud")) == -32602


def test_unknown_version(client):
    error = client.ask("no/such", meta={**META, VERSION: "2099-01-01"})["error"]
    assert error["code"] == -32022
    assert error["data"] == {"supported": ["2026-07-28"], "requested": "2099-01-01"}


@pytest.mark.parametrize("id", [0, -1, 2**53 + 1, 2**63 - 1, "", "7", "ä\u2028\"\\"])
def test_ids_come_back(client, id):
    assert client.ask("ping", id=id)["result"] == {}
    assert client.ask("tools/call", id=id, name="vm_list_environments")["result"]["structuredContent"]


# ---- tools ----


@pytest.mark.parametrize(
    "params",
    [{}, {"name": 7}, {"name": "no_such"}, {"name": "vm_run\0"}, {"name": "vm_run", "arguments": []},
     {"name": "env_pull"}],
)  # fmt: skip
def test_no_such_tool(client, params):
    assert error_of(client.ask("tools/call", **params)) == -32602


def test_cursor(client):
    assert error_of(client.ask("tools/list", cursor="x")) == -32602


def test_wrong_arguments(client):
    error = client.call_error("vm_run", environmnt="debian:12", vcpu_count=0, mem_mib="1", allow_host_compat=True)
    assert error["code"] == "invalid_parameter" and error["hint"]
    for part in ("environmnt", "did you mean environment", "environment is missing", "command is missing",
                 "vcpu_count", "mem_mib", "allow_host_compat is not allowed"):  # fmt: skip
        assert part in error["message"]


def test_numbers_beyond_all_measure(client):
    client.write(b'{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"vm_exec","arguments":'
                 b'{"vm_id":"x","command":"x","timeout_seconds":99999999999999999999999}}}\n')  # fmt: skip
    reply = client.line()
    assert reply["id"] == 5 and "timeout_seconds" in reply["result"]["content"][0]["text"]


def test_only_on_the_command_line(client):
    error = client.call_error("service_logs", workspace_id="ws-x", service_name="x", follow=True)
    assert "'follow'" in error["message"]


def test_host_compat_when_allowed(empty):
    with Client(empty, "--allow-host-compat") as client:
        error = client.call_error("vm_create", environment="no:such", allow_host_compat=True)
        assert error["code"] == "unknown_environment"


def test_results_without_null(client):
    """vm_network_info of a VM without a network has little but null in it."""
    assert client.call_error("vm_status", vm_id="vm-none")["code"] == "unknown_vm"
    environments = client.call("vm_list_environments")["structuredContent"]["environments"]
    assert environments and all(value is not None for entry in environments for value in entry.values())


@pytest.mark.parametrize("selection, count", [("all", 28), ("vm", 10), ("workspace", 19)])
def test_selection(empty, selection, count):
    with Client(empty, "--tools", selection) as client:
        assert len(client.ask("tools/list")["result"]["tools"]) == count


def test_paths_outside(empty, tmp_path):
    (tmp_path / "inside").mkdir()
    with Client(empty, cwd=tmp_path / "inside") as client:
        for path in ("/etc", "..", "../home"):
            error = client.call_error("workspace_create", environment=BASE, seed_path=path)
            assert error["field"] == "seed_path" and "--allow-path" in error["hint"]
            error = client.call_error("workspace_export", workspace_id="ws-0123456789abcdef", path="/workspace/x",
                                      output_path=path + "/x")  # fmt: skip
            assert error["field"] == "output_path" and "--allow-path" in error["hint"]


def test_no_such_root(empty):
    result = empty.run("mcp", "serve", "--allow-path", "/no/such", input=b"")
    assert result.returncode == 2 and b"/no/such" in result.stderr


# ---- rubbish ----

RUBBISH = [
    b"garbage", b"\xff\xfe\0\x01", b"{", b"}", b"[]", b"null", b"7", b'"x"', b"\0",
    b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]',
    b'[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]',
    b'{"jsonrpc":"2.0","id":1,"method":"ping"}{"jsonrpc":"2.0","id":2,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":1,"method":"ping"} x',
    b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":1,"method":"ping\xc3"}',
    b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"\xed\xa0\x80"}}',
    b'{"jsonrpc":"2.0","id":1,"method":"p\0ing"}',
    b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":[1],"method":"ping"}',
    b'{"jsonrpc":"2.0","id":true,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}',
    b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":NaN}}',
    b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"vm_status","arguments":{"vm_id":"a","vm_id":"b"}}}',
    b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"vm_status","arguments":{"vm_id":"\\udfff"}}}',
    b'{"jsonrpc":"2.0","id":null,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":"\\ud800","method":"ping"}',
    b'{"jsonrpc":"2.0","id":"\\udc00\\ud800","method":"ping"}',
    b'{"id":1,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":1,"method":null}',
    b'{"jsonrpc":"2.0","id":1,"result":{}}',
    b'{"jsonrpc":"2.0","method":"no/such"}',
    b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"never seen"}}',
    b'{"jsonrpc":"2.0","method":"notifications/cancelled"}',
    b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + b"[" * 100000 + b"]" * 100000 + b"}",
    b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":' + b'{"a":' * 5000 + b"1" + b"}" * 5001 + b"}",
    b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":[' + b"0," * 1100000 + b"0]}}",
    b"", b"   ", b"\r",
]  # fmt: skip


def test_rubbish(client):
    """Nothing is answered, since it could not be told to what; and what comes next is."""
    for line in RUBBISH:
        client.write(line + b"\n")
        assert client.ask("ping", id="after")["result"] == {}, line[:80]


@pytest.mark.parametrize("filling", [b"x", b"[", b"\0", b'"'])
def test_long_lines(client, filling):
    client.write(filling * 20_000_000 + b"\n")
    assert client.ask("ping")["result"] == {}
    client.write(b'{"jsonrpc":"2.0","id":9,"method":"ping","params":{"x":"' + b"x" * 15_000_000 + b'"}}\n')
    assert client.line() == {"jsonrpc": "2.0", "id": 9, "result": {}}


def test_framing(client):
    """Lines come in any parts, with either ending, and many at once."""
    line = b'{"jsonrpc":"2.0","id":"%d","method":"ping"}'
    for byte in line % 0 + b"\r\n":
        client.write(bytes([byte]))
    assert client.line()["id"] == "0"
    client.write(b"\n\r\n" + b"\n".join(line % i for i in range(1, 500)) + b"\n")
    assert [client.line()["id"] for _ in range(1, 500)] == [str(i) for i in range(1, 500)]


def test_many_calls(client):
    """More at once than there are threads: each is answered once."""
    for i in range(200):
        client.request("tools/call", id=i, name="vm_list_environments")
    assert sorted(client.line()["id"] for _ in range(200)) == list(range(200))


@pytest.mark.parametrize("size", [36, 10_000_000, 20_000_000])
def test_half_a_message(client, size):
    client.request("ping", id="before")
    client.write((b'{"jsonrpc":"2.0","id":1,"method":"pi' + b"i" * size)[:size])
    assert client.end() == ([{"jsonrpc": "2.0", "id": "before", "result": {}}], 0)


def test_nothing_at_all(client):
    assert client.end() == ([], 0)


# ---- the end ----


def test_answers_before_the_end(client):
    """What a shell pipes in is answered, though stdin is over at once."""
    client.request("tools/call", id=1, name="vm_list_environments")
    client.request("ping", id=2)
    messages, status = client.end()
    assert status == 0 and {message["id"] for message in messages} == {1, 2}


def test_leaves_nothing(empty):
    """Clients start many, and most of them do nothing."""
    with Client(empty) as client:
        client.ask("initialize")
        client.ask("tools/list")
        client.ask("server/discover", meta=META)
        assert client.end() == ([], 0)
    assert not empty.home.exists()


def test_terminated(client):
    client.ask("ping")
    client.process.send_signal(signal.SIGTERM)
    assert client.process.wait(2) == 128 + signal.SIGTERM


def test_terminated_while_nobody_reads(client):
    for _ in range(10):
        client.request("tools/list")
    time.sleep(0.1)  # whether or not it is stuck by now, it has to end
    client.process.send_signal(signal.SIGTERM)
    assert client.process.wait(2) == 128 + signal.SIGTERM


def test_reader_gone(client):
    client.process.stdout.close()
    client.request("ping")
    client.request("ping")
    assert client.process.wait(5) == 0


# ---- with a VM ----


def test_long_calls(pyro):
    """Others are answered meanwhile, progress comes, a call that is cancelled says nothing more."""
    with Client(pyro) as client:
        command = "for i in 1 2 3; do echo line $i; sleep 1.1; done; sleep 100"
        client.request("tools/call", id="run", meta={"progressToken": 0}, name="vm_run",
                       arguments={"environment": BASE, "command": command})  # fmt: skip
        progress = []
        while not progress or not progress[-1]["message"].startswith("line"):
            message = client.line(120)
            assert message["method"] == "notifications/progress"
            progress.append(message["params"])
        assert all(params["progressToken"] == 0 and len(params["message"]) <= 200 for params in progress)
        numbers = [params["progress"] for params in progress]
        assert numbers == sorted(set(numbers))
        client.request("ping", id="p")
        while (message := client.line()).get("id") != "p":
            assert message["method"] == "notifications/progress"
        client.notify("notifications/cancelled", requestId="run", reason="enough")
        client.request("ping", id="q")
        while (message := client.line()).get("id") != "q":
            assert message["method"] == "notifications/progress"
        assert client.call("vm_list_environments")["structuredContent"]["environments"]
        pyro.assert_nothing_left(10)
        assert client.end() == ([], 0)


def test_a_result(pyro):
    with Client(pyro) as client:
        client.request("tools/call", id=1, name="vm_run",
                       arguments={"environment": BASE, "command": "seq 100000; echo ü >&2; exit 3"})  # fmt: skip
        result = client.line(120)["result"]
        structured = result["structuredContent"]
        assert "isError" not in result and structured["exit_code"] == 3 and structured["stderr"] == "ü\n"
        assert json.loads(result["content"][0]["text"]) == structured
        assert len(structured["stdout"]) < 17_000 and structured["stdout_truncated"]
        assert structured["stdout_bytes"] == 588895 and "bytes left out here" in structured["stdout"]
        assert structured["stdout"].startswith("1\n2\n") and structured["stdout"].endswith("\n100000\n")


def test_end_while_a_command_runs(pyro):
    with Client(pyro) as client:
        client.request("tools/call", id=1, meta={"progressToken": "t"}, name="vm_run",
                       arguments={"environment": BASE, "command": "echo up; sleep 100"})  # fmt: skip
        while client.line(120)["params"]["message"] != "up":
            pass
        started = time.monotonic()
        messages, status = client.end()
        assert time.monotonic() - started < 2 and status == 0
        assert all(message.get("method") == "notifications/progress" for message in messages)
    pyro.assert_nothing_left(10)


def test_a_listing_is_remembered_until_something_changes(empty):
    """Whatever changes: here an installation that is damaged, then gone."""
    directory = empty.home / "environments" / "debian-12-base"

    def entry(client):
        entries = client.call("vm_list_environments")["structuredContent"]["environments"]
        return next(one for one in entries if one["name"] == BASE)

    with Client(empty) as client:
        assert [entry(client) for _ in range(3)] == [entry(client)] * 3
        assert "problem" not in entry(client)
        directory.mkdir(parents=True)
        (directory / "manifest.json").write_text("{")
        time.sleep(0.02)
        assert entry(client)["problem"]
        (directory / "manifest.json").unlink()
        directory.rmdir()
        time.sleep(0.02)
        assert "problem" not in entry(client)


def test_many_answers_at_once(empty):
    """What is asked at once is answered at once, whole and in full, also when it is more than a pipe holds."""
    with Client(empty) as client:
        client.call("vm_list_environments")
        calls = [{"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": "vm_list_environments"}} for number in range(200)]
        client.write(b"".join(json.dumps(call).encode() + b"\n" for call in calls))
        assert sorted(client.line()["id"] for _ in calls) == list(range(200))
