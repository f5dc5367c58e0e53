"""create_server(): the MCP server of the command, on this process's stdio or over HTTP."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from pyro_mcp import create_server, errors

STDIO = "from pyro_mcp import create_server; create_server().run(); print('after', flush=True)"
HTTP = """
from pyro_mcp import Pyro
Pyro().create_server().run(transport="streamable-http", port=0, tools="vm", spare_seconds=0)
print("after", flush=True)
"""
INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}  # fmt: skip


def ask(process, message):
    process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def test_stdio(script):
    process = script(STDIO, stdin=subprocess.PIPE)
    assert ask(process, INITIALIZE)["result"]["serverInfo"]["name"] == "pyro-mcp"
    tools = ask(process, {"jsonrpc": "2.0", "id": 2, "method": "tools/list"})["result"]["tools"]
    assert "vm_run" in [tool["name"] for tool in tools]
    call = {"name": "vm_list_environments", "arguments": {}}
    answer = ask(process, {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": call})
    assert not answer["result"].get("isError")
    process.stdin.close()
    process.stdin = None
    assert process.communicate(timeout=30)[0] == "after\n"
    assert process.returncode == 0


def start_http(script):
    process = script(HTTP, stderr=subprocess.PIPE, start_new_session=True)
    for line in process.stderr:
        found = re.search(r"http://[^\s/]+/mcp", line)
        if found:
            return process, found[0]
    pytest.fail("it does not say where it listens")


def post(address):
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    request = urllib.request.Request(address, json.dumps(INITIALIZE).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["from a program", "from a terminal"])
def test_http_until_ctrl_c(script, send):
    process, address = start_http(script)
    assert "pyro-mcp" in post(address)
    send(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (out, process.returncode) == ("after\n", 0)
    assert "Traceback" not in err
    with pytest.raises(OSError):
        post(address)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_server_ends_with_its_process(script, number):
    process, address = start_http(script)
    process.send_signal(number)
    process.communicate(timeout=30)  # until nobody holds stderr any more: the server has it too
    assert process.returncode == -number
    with pytest.raises(OSError):
        post(address)


@pytest.mark.parametrize("words", [
    {"transport": "pigeon"}, {"allow_path": None}, {"allow_path": "/tmp"}, {"allow_path": [3]}, {"token_file": 3},
    {"allow_host_compat": "no"}, {"host": b"::"}, {"port": True}, {"tools": "a\0b"}, {"tools": "some"}, {"transport": "streamable-http", "port": -1}, {"spare_seconds": "soon"},
])  # fmt: skip
def test_what_makes_no_sense(words):
    with pytest.raises(errors.PyroValueError) as raised:
        create_server().run(**words)
    assert raised.value.code == "invalid_parameter"


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError) as raised:
        create_server().run(allow_path=[tmp_path / "not"])
    assert raised.value.code == "invalid_parameter" and raised.value.field == "allow_path"


def test_what_keeps_it_from_serving_is_said_as_the_command_says_it(capfd):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(errors.PyroError) as raised:
            create_server().run("streamable-http", port=port)
        assert capfd.readouterr() == ("", "")
        words = [pathlib.Path(sys.executable).with_name("pyro"), "mcp", "serve", "--http", f"127.0.0.1:{port}"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    told = f"  hint: {raised.value.hint}\n" if raised.value.hint else ""
    assert done.stderr == f"pyro mcp serve: {raised.value.message}\n{told}"
    assert done.returncode == 125
