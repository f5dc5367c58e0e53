"""The MCP server over HTTP: both eras, JSON and streams, who may ask, limits, and the end. Most of it needs no VM."""

import base64
import concurrent.futures
import contextlib
import http.client
import json
import os
import signal
import stat
import time

import pytest
from conftest import BASE, wait_until
from mcp_client import CAPABILITIES, META, VERSION
from mcp_http import BOTH, JSON, Server, events, request, wait_closed
from test_mcp_stdio import RUBBISH


@pytest.fixture
def server(empty):
    with Server(empty) as server:
        yield server


def call(name, **arguments):
    return request("tools/call", 1, {"name": name, "arguments": arguments})


# ---- both eras ----


def test_legacy(server):
    result = server.legacy("initialize", protocolVersion="2025-06-18")["result"]
    assert result["protocolVersion"] == "2025-06-18" and "resultType" not in result
    assert server.post({"jsonrpc": "2.0", "method": "notifications/initialized"})[::2] == (202, None)
    assert server.legacy("ping", id="p")["result"] == {}
    assert len(server.legacy("tools/list")["result"]["tools"]) == 28
    assert server.legacy("tools/call", name="vm_list_environments")["result"]["structuredContent"]
    assert server.legacy("no/such")["error"]["code"] == -32601
    assert server.legacy("tools/call", name="no_such")["error"]["code"] == -32602
    assert server.post({"jsonrpc": "2.0", "id": 1, "result": {}})[0] == 202


def test_session_is_not_demanded(server):
    """It only names a client's ids; any is taken, and none as well."""
    _, fields, _ = server.post(request("initialize", 1, {}))
    assert len(fields["Mcp-Session-Id"]) == 32
    for session in (fields["Mcp-Session-Id"], "x"):
        assert server.legacy("ping", headers={**BOTH, "Mcp-Session-Id": session})["result"] == {}
    assert server.http("DELETE", headers={"Mcp-Session-Id": "x"})[0] == 405


def test_modern(server):
    status, reply = server.modern("server/discover")
    assert status == 200 and reply["result"]["supportedVersions"] == ["2026-07-28"]
    status, reply = server.modern("tools/list")
    assert status == 200 and reply["result"]["resultType"] == "complete" and len(reply["result"]["tools"]) == 28
    status, reply = server.modern("tools/call", name="vm_list_environments")
    assert status == 200 and reply["result"]["structuredContent"]["environments"]
    status, reply = server.modern("tools/call", name="no_such")
    assert status == 200 and reply["error"]["code"] == -32602
    note = {"jsonrpc": "2.0", "method": "notifications/x", "params": {"_meta": META}}
    fields = {**BOTH, "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "notifications/x"}
    assert server.post(note, fields)[::2] == (202, None)
    assert server.post(note, {**fields, "Mcp-Method": "x"})[0] == 400


@pytest.mark.parametrize(
    "method, meta, status, code",
    [
        ("tools/list", {VERSION: "2026-07-28"}, 400, -32602),
        ("tools/list", {CAPABILITIES: {}}, 400, -32602),
        ("tools/list", {**META, VERSION: "2099-01-01"}, 400, -32022),
        ("initialize", META, 404, -32601),
        ("ping", META, 404, -32601),
        ("no/such", META, 404, -32601),
    ],
)
def test_modern_refusals(server, method, meta, status, code):
    got, reply = server.modern(method, meta=meta)
    assert (got, reply["error"]["code"], reply["id"]) == (status, code, 1)


@pytest.mark.parametrize(
    "fields, status",
    [
        ({}, 200),
        ({"Mcp-Name": "=?base64?" + base64.b64encode(b"vm_status").decode() + "?="}, 200),
        ({"Mcp-Name": "  vm_status  "}, 200),
        ({"Mcp-Name": None}, 400),
        ({"Mcp-Name": "vm_run"}, 400),
        ({"Mcp-Name": "VM_STATUS"}, 400),
        ({"Mcp-Name": "=?base64?%%%%?="}, 400),
        ({"Mcp-Method": None}, 400),
        ({"Mcp-Method": "tools/list"}, 400),
        ({"MCP-Protocol-Version": None}, 400),
        ({"MCP-Protocol-Version": "2025-11-25"}, 400),
        ({"MCP-Protocol-Version": "2099-01-01"}, 400),
    ],
)
def test_fields_and_body(server, fields, status):
    got, reply = server.modern("tools/call", name="vm_status", arguments={"vm_id": "x"}, fields=fields)
    assert got == status
    assert status == 200 or reply["error"]["code"] == -32020


def test_unknown_version_alone(server):
    status, _, reply = server.post(request("tools/list", 1, {}), {**BOTH, "MCP-Protocol-Version": "rubbish"})
    assert status == 400 and reply["error"]["code"] == -32020  # no Mcp-Method


# ---- requests that are none ----


@pytest.mark.parametrize(
    "method, path, headers, status",
    [
        ("GET", "/mcp", BOTH, 405),
        ("DELETE", "/mcp", BOTH, 405),
        ("PUT", "/mcp", BOTH, 405),
        ("OPTIONS", "/mcp", BOTH, 405),
        ("POST", "/", BOTH, 404),
        ("POST", "/mcp/", BOTH, 404),
        ("POST", "/mcp", {}, 415),
        ("POST", "/mcp", {"Content-Type": "text/plain"}, 415),
        ("POST", "/mcp", {**JSON, "Accept": "text/html"}, 406),
        ("POST", "/mcp", {**JSON, "Mcp-Method": "a", "mcp-method": "b"}, 400),
    ],
)
def test_no_messages(server, method, path, headers, status):
    got, fields, _ = server.http(method, path, json.dumps(request("ping", 1, {})).encode(), headers)
    assert got == status and fields["Access-Control-Allow-Origin"] is None
    assert (fields["Allow"] == "POST") == (status == 405)


def test_accept(server):
    """A client that takes nothing but streams gets one, one that takes nothing but JSON does not."""
    ask = json.dumps(call("vm_status", vm_id="x")).encode()
    _, fields, body = server.http(body=ask, headers={**JSON, "Accept": "text/event-stream"})
    assert fields["Content-Type"] == "text/event-stream" and body.startswith(b"event: message\ndata: {")
    _, fields, body = server.http(body=ask, headers={**JSON, "Accept": "application/json"})
    assert fields["Content-Type"] == "application/json" and json.loads(body)["result"]["isError"]
    assert server.http(body=ask, headers=JSON)[1]["Content-Type"] == "application/json"


def test_rubbish(server):
    for body in RUBBISH:
        status, _, answer = server.http(body=body)
        kind = body[:80]
        if b'"result"' in body or b"no/such" in body or b"notifications" in body:
            assert status == 202 and answer == b"", kind
        else:
            assert status == 400, kind
            error = json.loads(answer)
            assert error["error"]["code"] in (-32700, -32600) and error.get("id", 0) is not None, kind
    assert server.legacy("ping")["result"] == {}


@pytest.mark.parametrize(
    "data",
    [
        b"\0\1\2\3\r\n\r\n", b"GET\r\n\r\n", b"\r\n" * 100, b"POST /mcp HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0",
        b"POST /mcp HTTP/1.1\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 20000 + b"\r\n",
        b"POST /mcp HTTP/1.1\r\nX-" + b"x" * 100000, b"POST /" + b"x" * 100000,
    ],
    ids=range(12),
)  # fmt: skip
def test_no_http(server, data):
    """It answers with a refusal, or not at all; and goes on."""
    connection, answer = server.raw(), b""
    with contextlib.suppress(ConnectionError):
        connection.sendall(data)
    with contextlib.suppress(TimeoutError):  # it may wait for more, for a while
        answer = wait_closed(connection, 2)
    connection.close()
    assert answer == b"" or answer.startswith(b"HTTP/1.") and answer.split(b" ")[1][:1] in b"45", answer[:100]
    assert server.legacy("ping")["result"] == {}


def test_header_too_large(server):
    """Refused before its end comes, so it is sent up to there."""
    connection = server.raw(b"POST /mcp HTTP/1.1\r\nHost: localhost:%d\r\nX-Long: " % server.address[1])
    connection.settimeout(0.02)
    answer, sent = b"", 0
    while not answer and sent < 1 << 20:
        with contextlib.suppress(TimeoutError):
            connection.sendall(b"x" * 1024)
            sent += 1024
            answer = connection.recv(1000)
    connection.close()
    assert answer.startswith(b"HTTP/1.1 431 ") and sent <= 64 << 10
    assert server.legacy("ping")["result"] == {}


# ---- who may ask ----


@pytest.mark.parametrize("field, good", [
    ({"Host": "127.0.0.1:PORT"}, True), ({"Host": "localhost:PORT"}, True), ({"Host": "[::1]:PORT"}, True),
    ({"Origin": "http://localhost:PORT"}, True), ({"Origin": "http://127.0.0.1:PORT"}, True),
    ({"Host": "evil.example"}, False), ({"Host": "evil.example:PORT"}, False), ({"Host": "localhost"}, False),
    ({"Host": "localhost.evil.example:PORT"}, False), ({"Origin": "null"}, False),
    ({"Origin": "http://evil.example"}, False), ({"Origin": "http://localhost:1"}, False),
    ({"Origin": "https://localhost:PORT"}, False), ({"Origin": "http://localhost:PORT.evil.example"}, False),
])  # fmt: skip
def test_host_and_origin(server, field, good):
    field = {name: value.replace("PORT", str(server.address[1])) for name, value in field.items()}
    status, _, body = server.http(body=json.dumps(request("ping", 1, {})).encode(), headers={**BOTH, **field})
    assert status == (200 if good else 403)
    assert good or b"Origin" in body


def test_token(empty, tmp_path):
    path = tmp_path / "token"
    with Server(empty, "--token-file", path) as server:
        token = path.read_text().strip()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600 and len(token) == 64
        assert any(token in line for line in server.said)
        for wrong in ({}, {"Authorization": token}, {"Authorization": f"Basic {token}"},
                      {"Authorization": f"Bearer {token[:-1]}"}, {"Authorization": f"Bearer {token}x"}):  # fmt: skip
            status, fields, _ = server.http(body=b"{}", headers={**BOTH, **wrong})
            assert status == 401 and fields["WWW-Authenticate"].startswith("Bearer")
        server.headers = {"Authorization": f"Bearer {token}"}
        assert server.legacy("ping")["result"] == {}
    with Server(empty, "--token-file", path) as server:
        assert not any(token in line for line in server.said), "one that was there is not shown"
        server.headers = {"Authorization": f"Bearer {token}"}
        assert server.legacy("ping")["result"] == {}
    path.chmod(0o644)
    result = empty.run("mcp", "serve", "--http", "127.0.0.1:0", "--token-file", path)
    assert result.returncode == 2 and b"others may read it" in result.stderr and token.encode() not in result.stderr


@pytest.mark.parametrize("where", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"])
def test_beyond_loopback_only_with_a_token(empty, where):
    result = empty.run("mcp", "serve", "--http", where)
    assert result.returncode == 2 and b"--token-file" in result.stderr


def test_all_addresses(empty, tmp_path):
    with Server(empty, "--token-file", tmp_path / "token", where="0.0.0.0:0") as server:
        server.address = ("127.0.0.1", server.address[1])
        assert server.http(body=b"{}")[0] == 401
        server.headers = {"Authorization": "Bearer " + (tmp_path / "token").read_text().strip()}
        assert server.legacy("ping")["result"] == {}
        assert server.legacy("ping", headers={**BOTH, "Host": f"198.51.100.7:{server.address[1]}"})
        assert server.http(body=b"{}", headers={**BOTH, "Host": f"evil.example:{server.address[1]}"})[0] == 403


@pytest.mark.parametrize("where", ["x", "localhost", "unix:", "example.org:80", "127.0.0.1:99999"])
def test_wrong_addresses(empty, where):
    result = empty.run("mcp", "serve", "--http", where)
    assert result.returncode == 2 and where.encode() in result.stderr and b"127.0.0.1:8765" in result.stderr


def test_token_file_without_http(empty, tmp_path):
    result = empty.run("mcp", "serve", "--token-file", tmp_path / "token")
    assert result.returncode == 2 and b"add --http" in result.stderr and not (tmp_path / "token").exists()


def test_without_the_module(empty, tmp_path):
    result = empty.run("mcp", "serve", "--http", "127.0.0.1:0", env={"PYRO_LIBEXEC": str(tmp_path)})
    assert result.returncode == 125 and b"libmicrohttpd12" in result.stderr and b"without --http" in result.stderr


def test_taken_port(empty, server):
    result = empty.run("mcp", "serve", "--http", f"127.0.0.1:{server.address[1]}")
    assert result.returncode == 125 and b"another server listens" in result.stderr


# ---- a socket in the file system ----


def test_unix(empty, tmp_path):
    path = tmp_path / "s"
    where = f"unix:{path}"
    with Server(empty, where=where) as server:
        assert server.url == where and stat.S_IMODE(path.stat().st_mode) == 0o600
        assert server.legacy("ping")["result"] == {}
        assert server.modern("server/discover")[0] == 200
        assert server.http(body=b"{}", headers={**BOTH, "Origin": "http://localhost"})[0] == 403
        result = empty.run("mcp", "serve", "--http", where)
        assert result.returncode == 125 and b"another server listens" in result.stderr
        assert server.legacy("ping")["result"] == {}
        assert server.stop(signal.SIGTERM) == (143, b"")
        assert not path.exists()
    with Server(empty, where=where) as server:
        server.process.kill()
        server.process.wait()
        assert path.exists()
    with Server(empty, where=where) as server:  # in place of what was left
        assert server.legacy("ping")["result"] == {}
        path.rename(tmp_path / "old")
        path.write_text("somebody else's")
        server.stop(signal.SIGINT)
    assert path.read_text() == "somebody else's"
    result = empty.run("mcp", "serve", "--http", where)
    assert result.returncode == 125 and b"no socket of yours" in result.stderr and path.exists()


# ---- limits ----


def test_body_of_16_mib(server):
    def ping(size):
        start = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"'
        return start + b"x" * (size - len(start) - 3) + b'"}}'

    assert server.http(body=ping(16 << 20))[0] == 200
    assert server.http(body=ping((16 << 20) + 1))[0] == 413
    chunks = (b"x" * (1 << 20) for _ in range(17))
    assert server.http(body=chunks)[0] == 413
    assert server.legacy("ping")["result"] == {}


def test_bodies_together(server):
    """Four of the largest are held at once; who comes then is told to come again."""
    head = b"POST /mcp HTTP/1.1\r\nHost: localhost:%d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    size = (16 << 20) - 100
    part = head % (server.address[1], size) + b" " * (size - 1)
    held = [server.raw(part) for _ in range(4)]
    wait_until(lambda: server.http(body=b" " * (1 << 20))[0] == 503, 10, "a refusal")
    for connection in held:
        connection.close()
    wait_until(lambda: server.http(body=b" " * (1 << 20))[0] == 400, 10, "room for bodies")


def test_fifty_at_once(server):
    def one(i):
        return server.legacy("tools/call", id=i, name="vm_status", arguments={"vm_id": f"vm-{i}"})

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        replies = list(pool.map(one, range(200)))
    for i, reply in enumerate(replies):
        assert reply["id"] == i and f"vm-{i}" in reply["result"]["content"][0]["text"]


def test_many_that_say_nothing(server):
    """They fill the places of their address; those who were there before are served, others once some have gone."""
    with contextlib.closing(server.connect()) as first:
        first.connect()
        idle = [server.raw() for _ in range(140)]
        body = json.dumps(request("ping", 1, {})).encode()
        first.request("POST", "/mcp", body, BOTH)
        assert first.getresponse().read().endswith(b"{}}\n")
        for connection in idle:
            connection.close()

        def served():
            with contextlib.suppress(OSError, http.client.HTTPException):
                return server.legacy("ping")["result"] == {}

        wait_until(served, 10, "a free place")


def test_slow_clients(server):
    """A byte now and then does not keep a place: request line, header, body, and reading."""
    head = b"POST /mcp HTTP/1.1\r\nHost: localhost:%d\r\nContent-Type: application/json\r\n" % server.address[1]
    slow = [server.raw(start) for start in (b"", b"POS", head, head + b"Content-Length: 100\r\n\r\n{")]
    started = time.monotonic()
    open_still = dict.fromkeys(slow)
    while open_still and time.monotonic() - started < 90:
        time.sleep(2)
        for connection in list(open_still):
            try:
                if connection is not slow[0]:
                    connection.sendall(b"x")
                connection.settimeout(0.01)
                if connection.recv(1000) == b"":
                    del open_still[connection]
            except TimeoutError:
                pass
            except OSError:
                del open_still[connection]
    assert not open_still
    assert server.legacy("ping")["result"] == {}


# ---- the end ----


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_terminated(server, number):
    with contextlib.closing(server.connect()) as connection:
        connection.connect()
        server.legacy("ping")
        assert server.stop(number) == (128 + number, b"")
        assert connection.sock.recv(10) == b""


def test_leaves_nothing(empty):
    with Server(empty) as server:
        server.legacy("initialize")
        server.modern("tools/list")
        server.stop(signal.SIGTERM)
    assert not empty.home.exists()


# ---- with a VM ----

SLOW = {"environment": BASE, "command": "echo up; exec sleep 100"}


def wait_up(messages):
    """Until the command runs."""
    for message in messages:
        if message["params"]["message"] == "up":
            return
    pytest.fail("the stream ended before the command ran")


def guests(pyro):
    return [name for name in pyro.processes().values() if name.startswith("qemu-system")]


def test_progress_and_result(pyro):
    with Server(pyro) as server:
        arguments = {"environment": BASE, "command": "for i in 1 2 3; do echo line $i; sleep 1.1; done; exit 3"}
        for era in ("legacy", "modern"):
            with contextlib.closing(server.begin("vm_run", arguments, era, token=0)) as connection:
                messages = list(events(connection.getresponse()))
            *progress, reply = messages
            assert reply["id"] == "c" and reply["result"]["structuredContent"]["exit_code"] == 3
            assert ("resultType" in reply["result"]) == (era == "modern")
            assert all(message["method"] == "notifications/progress" for message in progress)
            assert all(message["params"]["progressToken"] == 0 for message in progress)
            numbers = [message["params"]["progress"] for message in progress]
            assert numbers == sorted(set(numbers)) and progress[-1]["params"]["message"].startswith("line")
            assert server.legacy("ping")["result"] == {}


def test_large_result(pyro):
    with Server(pyro) as server:
        result = server.legacy("tools/call", name="vm_run", headers=JSON | {"Accept": "application/json"},
                               arguments={"environment": BASE, "command": "seq 100000"})["result"]  # fmt: skip
        assert result["structuredContent"]["stdout"].endswith("\n100000\n")


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_hanging_up_cancels(pyro, era):
    with Server(pyro) as server:
        connection = server.begin("vm_run", SLOW, era)
        wait_up(events(connection.getresponse()))
        assert guests(pyro)
        connection.close()
        wait_until(lambda: not guests(pyro), 10, "the guest's end")
        pyro.assert_nothing_left(10)
        assert server.legacy("ping")["result"] == {}


def test_hanging_up_before_the_answer(pyro):
    """The client takes no stream, so that nothing was sent yet."""
    with Server(pyro) as server:
        connection = server.begin("vm_run", SLOW, headers={"Accept": "application/json"})
        wait_until(lambda: guests(pyro), 20, "a guest")
        connection.close()
        wait_until(lambda: not guests(pyro), 10, "the guest's end")
        pyro.assert_nothing_left(10)


def test_cancelled_by_its_session_only(pyro):
    with Server(pyro) as server:
        _, fields, _ = server.post(request("initialize", 1, {}))
        mine, other = {"Mcp-Session-Id": fields["Mcp-Session-Id"]}, {"Mcp-Session-Id": "0" * 32}
        with contextlib.closing(server.begin("vm_run", SLOW, headers=mine)) as connection:
            messages = events(connection.getresponse())
            wait_up(messages)
            cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "c"}}
            for headers in (other, {}):
                assert server.post(cancel, {**BOTH, **headers})[0] == 202
            assert next(messages)["method"] == "notifications/progress" and guests(pyro)
            assert server.post(cancel, {**BOTH, **mine})[0] == 202
            assert all(message.get("method") == "notifications/progress" for message in messages)
        wait_until(lambda: not guests(pyro), 10, "the guest's end")
        pyro.assert_nothing_left(10)


def test_terminated_while_a_command_runs(pyro):
    with Server(pyro) as server:
        with contextlib.closing(server.begin("vm_run", SLOW, "modern")) as connection:
            wait_up(events(connection.getresponse()))
            assert server.stop(signal.SIGTERM) == (143, b"")
    pyro.assert_nothing_left(10)


def test_silent_calls_become_streams(pyro):
    """Without a progress token: a client must not take a long call for a dead server."""
    with Server(pyro) as server:
        ask = {"environment": BASE, "command": "sleep 8; echo done"}
        body = json.dumps(call("vm_run", **ask)).encode()
        status, fields, answer = server.http(body=body)
        assert status == 200 and fields["Content-Type"] == "text/event-stream"
        assert answer.startswith(b": ") and b'"exit_code":0' in answer and b"notifications/progress" not in answer


def test_not_others(pyro, tmp_path):
    """The socket is for its user, whatever became of its mode."""
    if os.getuid() != 0:
        pytest.skip("needs root to ask as somebody else")
    path = tmp_path / "s"
    with Server(pyro, where=f"unix:{path}") as server:
        path.chmod(0o666)
        for parent in list(tmp_path.parents)[:-2]:
            parent.chmod(0o755)
        tmp_path.chmod(0o755)
        pid = os.fork()
        if pid == 0:
            os.setresuid(65534, 65534, 65534)
            os._exit(server.http(body=b"{}")[0] != 403)
        assert os.waitpid(pid, 0)[1] == 0
