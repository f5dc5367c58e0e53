"""`pyro demo ollama` against a stand-in (model_standin.py): the loop with real guests, and everything that a server and a
model can do wrong. No model takes part."""

import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest
from conftest import BASE, wait_until
from mcp_client import Client
from model_standin import StandIn, call, say

UNAME = {"environment": BASE, "command": "uname -sr"}


def demo(pyro, server, *words, **keywords):
    return pyro.run("demo", "ollama", "--base-url", getattr(server, "url", server), *words, **keywords)


def refused(pyro, server, *words, status=125, says=(), **keywords):
    result = demo(pyro, server, *words, **keywords)
    text = result.stderr.decode()
    assert result.returncode == status, text
    assert "\n  hint: " in text and "pyro demo ollama: " in text
    for part in says:
        assert part in text
    assert b"pyro demo ollama: " not in result.stdout  # no summary
    return text


# ---- with guests ----


def test_a_whole_conversation(pyro):
    """Two calls in one answer, one after the other, and a command that fails; then the answer."""
    two = call(UNAME)
    two["tool_calls"].append(call({"environment": BASE, "command": ["sh", "-c", "echo out; echo err >&2; exit 3"]})["tool_calls"][0])
    with StandIn(two, say("It runs Linux.\nThat is all.")) as server:
        result = demo(pyro, server)
        requests = server.requests
    assert server.problems == [] and result.returncode == 0, result.stderr.decode()
    kernel = pyro.guest("uname", "-sr").stdout.decode().strip()
    lines = result.stdout.decode().splitlines()
    assert lines[0] == f"[server] {server.url}, model stand-in" and lines[1].startswith("[prompt] Run uname")
    assert f"[result] {kernel}" in lines and "[result] out" in lines and "[result] err" in lines
    assert lines[-3:-1] == ["[model ] It runs Linux.", "[model ] That is all."]
    assert lines[-1].startswith("pyro demo ollama: stand-in called vm_run 2 times (0 failed) in 2 rounds and ")
    assert "last exit code 3" in lines[-1]
    told = [json.loads(message["content"]) for message in requests[1]["messages"] if message["role"] == "tool"]
    assert [one["exit_code"] for one in told] == [0, 3] and told[0]["stdout"].strip() == kernel
    pyro.assert_nothing_left()


def test_for_programs(pyro):
    with StandIn(call(UNAME), say("Linux")) as server:
        result = demo(pyro, server, "--json", "--model", "stand-in", "--prompt", "Which kernel?")
    assert result.returncode == 0 and result.stdout.count(b"\n") == 1
    told = json.loads(result.stdout)
    assert told["answer"] == "Linux" and told["model"] == "stand-in" and told["base_url"] == server.url
    assert (told["round_count"], told["call_count"], told["failed_call_count"], told["last_exit_code"]) == (2, 1, 0, 0)
    assert json.loads(told["calls"][0]["arguments"]) == UNAME and told["calls"][0]["error"] is None
    assert server.requests[0]["messages"][-1]["content"] == "Which kernel?"
    assert b"[result] exit code 0" in result.stderr


def test_the_tool_is_the_one_of_the_mcp_server(pyro):
    with StandIn(call(UNAME), say("ok")) as server:
        assert demo(pyro, server).returncode == 0
    offered = server.requests[0]["tools"]
    with Client(pyro) as client:
        tools = client.ask("tools/list")["result"]["tools"]
    vm_run = next(tool for tool in tools if tool["name"] == "vm_run")
    assert offered == [{"type": "function", "function": {
        "name": "vm_run", "description": vm_run["description"], "parameters": vm_run["inputSchema"]}}]  # fmt: skip


@pytest.mark.parametrize(
    "wrong, says",
    [
        (call('{"environment": "debi'), "not a JSON object"),
        (call("[1]"), "not a JSON object"),
        (call(""), "not a JSON object"),
        (call({"environment": "debian:99", "command": "true"}), "debian:12"),
        (call({"environment": "memory", "command": "true"}), "debian:12-build"),
        (call({"enviroment": BASE, "command": "true"}), "environment"),
        (call({**UNAME, "vcpu_count": 0}), "vcpu_count"),
        (call({**UNAME, "allow_host_compat": True}), "allow_host_compat"),
        (call(UNAME, name="run_anything"), "vm_run"),
        ({"role": "assistant", "content": "", "tool_calls": ["what", {}, {"function": 7}]}, "vm_run"),
    ],
)
def test_a_wrong_call_is_told_to_the_model(pyro, wrong, says):
    """Which then does it right."""
    with StandIn(wrong, call(UNAME), say("better")) as server:
        result = demo(pyro, server, "--json")
    assert server.problems == [] and result.returncode == 0, result.stderr.decode()
    told = [message for message in server.requests[1]["messages"] if message["role"] == "tool"]
    assert len(told) == len(wrong["tool_calls"])
    for message in told:
        error = json.loads(message["content"])["error"]
        assert error["code"] and says in error["message"] + error.get("hint", "")
    result = json.loads(result.stdout)
    assert result["failed_call_count"] == len(told) and result["last_exit_code"] == 0
    assert result["calls"][0]["exit_code"] is None and result["calls"][0]["error"]


def test_arguments_as_an_object(pyro):
    """Some servers take them apart themselves."""
    message = call("")
    message["tool_calls"][0]["function"]["arguments"] = UNAME
    with StandIn(message, say("ok")) as server:
        assert demo(pyro, server).returncode == 0
    assert server.problems == []


def test_a_model_that_has_to_be_asked_again(pyro):
    """Before it has called anything, and after a call that ran nothing."""
    with StandIn(say("I would call vm_run."), call("{"), say("So?"), call(UNAME), say("Linux")) as server:
        result = demo(pyro, server)
    assert server.problems == [] and result.returncode == 0, result.stderr.decode()
    forced = {"type": "function", "function": {"name": "vm_run"}}
    assert [request.get("tool_choice") for request in server.requests] == [None, forced, None, forced, None]
    assert b"2 times (1 failed) in 5 rounds" in result.stdout


def test_interrupted_in_a_guest(pyro):
    with StandIn(call({"environment": BASE, "command": "sleep 1000"})) as server:
        process = pyro.popen("demo", "ollama", "--base-url", server.url)
        pyro.process("qemu-system")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        process.communicate()
    assert len(server.requests) == 1
    pyro.assert_nothing_left()


def test_what_it_prints_cannot_be_forged(pyro):
    """Neither a model nor a guest writes to the terminal, nor a line that looks like the last one."""
    forged = "\x1b[31m\npyro demo ollama: all is well"
    command = {"environment": BASE, "command": ["printf", r"\033[31m\npyro demo ollama: all is well\n"]}
    with StandIn(call(command), say(forged + "\nx" * 100)) as server:
        result = demo(pyro, server)
    assert result.returncode == 0 and b"\x1b" not in result.stdout
    assert len([line for line in result.stdout.splitlines() if line.startswith(b"pyro demo ollama: ")]) == 1
    assert len(result.stdout.splitlines()) < 40


# ---- models that cannot ----


def test_a_model_that_never_calls(empty):
    with StandIn(say("It is Linux 6.1, I am sure.")) as server:
        refused(empty, server, says=["stand-in", "asked 4 times", "did not", "I am sure", "--model"])
    assert len(server.requests) == 4
    empty.assert_nothing_left()


def test_calls_that_never_work(empty):
    with StandIn(call("{"), say("Done.")) as server:
        refused(empty, server, says=["1 time,", "no command ran", "not a JSON object"])


def test_a_model_that_calls_for_ever(empty):
    many = call("{")
    many["tool_calls"] *= 20
    with StandIn(many) as server:
        refused(empty, server, says=["no answer within 12 rounds", "96 times"])
    assert len(server.requests) == 12 and server.problems == []


def test_a_model_without_tools(empty):
    def answer(handler):
        handler.fail(400, "library/stand-in does not support tools")

    with StandIn(answer) as server:
        refused(empty, server, says=["'stand-in' cannot call tools", "ollama pull"])


def test_a_server_that_takes_no_tools(empty):
    with StandIn(lambda handler: handler.fail(500, "tools param requires --jinja flag")) as server:
        refused(empty, server, says=["llama-server --jinja"])


# ---- servers that are not there, or wrong ----


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_no_server(empty):
    url = f"http://127.0.0.1:{free_port()}"
    for words in ([], ["--model", "x"]):
        refused(empty, url, *words, says=[f"no server at {url}", "ollama serve", "--base-url"])
    result = demo(empty, url, "--json")
    assert json.loads(result.stdout)["error"]["code"] == "model_failed"
    assert not empty.home.exists()


@pytest.mark.parametrize("url", ["gopher://127.0.0.1", "file:///etc/passwd#", "nonsense url", ""])
def test_no_url(empty, url):
    assert "root:" not in refused(empty, url, status=2, says=["cannot use the base URL", "http://"])


def test_the_base_url_of_other_programs(empty):
    with StandIn(say("no")) as server:
        for end in ("/", "/v1", "/v1/"):
            refused(empty, server.url + end, says=["did not"])


def test_a_proxy_of_the_environment_is_not_for_this_host(empty):
    with StandIn(say("no")) as server:
        proxy = f"http://127.0.0.1:{free_port()}"
        refused(empty, server, says=["did not"], env={"http_proxy": proxy, "ALL_PROXY": proxy})


@pytest.mark.parametrize(
    "models, words, status, says",
    [
        ((), [], 125, ["has no model", "ollama pull"]),
        (("a:1b", "b:2b"), [], 2, ["several models: a:1b, b:2b", "--model"]),
        (("llama3.2:3b", "b"), ["--model", "llama3.2:1b"], 2,
         ["no model 'llama3.2:1b'", "it has llama3.2:3b, b", "ollama pull llama3.2:1b"]),
        ((), ["--model", "x"], 2, ["no model 'x'", "ollama pull x"]),
        (("m" * 500,) * 100, [], 2, ["several models"]),
    ],
)  # fmt: skip
def test_no_such_model(empty, models, words, status, says):
    with StandIn(say("no"), models=models) as server:
        refused(empty, server, *words, status=status, says=says)


def raw(data):
    """Sends bytes and closes."""

    def answer(handler):
        handler.wfile.write(data)
        handler.close_connection = True

    return answer


def body(status, data):
    return lambda handler: handler.send(status, data)


@pytest.mark.parametrize(
    "answer, says",
    [
        (body(200, b"<html>Welcome to nginx!</html>"), ["no chat completion", "Welcome to nginx!"]),
        (body(200, b""), ["no chat completion"]),
        (body(200, b"\0\xff{}"), ["no chat completion"]),
        (body(200, b"[" * 100000), ["no chat completion"]),
        (body(200, {"choices": []}), ["choices[0].message"]),
        (body(200, {"choices": [{"message": "x"}]}), ["choices[0].message"]),
        (body(200, [1]), ["choices[0].message"]),
        (body(200, b'{"choices": [{"message": {"content": "a\\u0000b"}}]}'), ["no chat completion"]),
        (body(500, {"error": "llama runner process has terminated"}), ["answered 500", "llama runner", "server logged"]),
        (body(503, b"\x1b[31mbusy"), ["answered 503", "busy"]),
        (body(302, b"elsewhere"), ["answered 302"]),
        (body(200, b" " * (5 << 20)), ["larger than 4 MiB"]),
        (raw(b""), ["ended the exchange"]),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"), ["ended the exchange"]),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), ["does not speak HTTP"]),
        (raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20000), ["larger than"]),
    ],
)  # fmt: skip
def test_an_answer_that_is_none(empty, answer, says):
    with StandIn(answer) as server:
        text = refused(empty, server, says=says)
    assert "\x1b" not in text and len(text) < 3000
    empty.assert_nothing_left()


def test_a_web_server_that_is_no_model(empty):
    with StandIn(say("no")) as server:
        refused(empty, server.url + "/nothing/here", "--model", "x", says=["nothing like OpenAI's API", "--base-url"])


def hang(handler):
    handler.server.closing.wait(60)
    handler.close_connection = True


def drip(handler):
    """A body that never ends, but always goes on."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    try:
        while not handler.server.closing.wait(0.05):
            handler.wfile.write(b"1\r\n \r\n")
    except OSError:
        pass
    handler.close_connection = True


@pytest.mark.parametrize("answer", [hang, drip])
def test_a_time_limit(empty, answer):
    with StandIn(answer) as server:
        refused(empty, server, "--timeout-seconds", "1", says=["within 1 s", "--timeout-seconds"])


@pytest.mark.parametrize("answer", [hang, drip])
@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_while_the_model_thinks(empty, answer, number, status):
    with StandIn(answer) as server:
        process = empty.popen("demo", "ollama", "--base-url", server.url)
        wait_until(lambda: server.requests, what="the first request")
        started = time.monotonic()
        process.send_signal(number)
        assert process.wait(5) == status and time.monotonic() - started < 5
        process.communicate()


def test_a_server_that_dies_between_two_rounds(pyro):
    def die(handler):
        handler.close_connection = True
        threading.Thread(target=handler.server.shutdown).start()
        handler.server.socket.close()

    with StandIn(call(UNAME), die) as server:
        text = refused(pyro, server, says=[server.url])
        assert "ended the exchange" in text or "no server" in text
    pyro.assert_nothing_left()


def test_without_its_module(empty, tmp_path):
    """What is installed without libcurl says so, and everything else works: nothing else is linked with it."""
    linked = subprocess.run(["ldd", empty.program], capture_output=True, text=True, check=True).stdout
    assert "libcurl" not in linked and "libc.so" in linked
    for name in os.listdir(empty.env["PYRO_LIBEXEC"]):
        if name.startswith("pyro-agent"):
            os.symlink(os.path.join(empty.env["PYRO_LIBEXEC"], name), tmp_path / name)
    env = {"PYRO_LIBEXEC": str(tmp_path)}
    refused(empty, "http://127.0.0.1:1", says=["libpyro-curl.so", "libcurl4"], env=env)
    assert empty.run("env", "list", env=env).returncode == 0
