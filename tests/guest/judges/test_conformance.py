"""The official conformance suite: all of both sets of requirements with the fixtures that it wants, and of each all that
a server with nothing but tools can pass."""

import re
import subprocess

import pytest
from conftest import BUILD
from judging import HERE, judges  # noqa: F401
from mcp_client import Client
from mcp_http import Server

# How many checks pass at least.
OURS = {"2026-07-28": 96, "2025-11-25": 38}
ALL = {"2026-07-28": 150, "2025-11-25": 78}


class Fixture:
    """The fixture server, where a test would have `pyro mcp serve`."""

    def popen(self, _mcp, _serve, *words, **keywords):
        program = BUILD / "tests" / "guest" / "judges" / "fixture-server"
        keywords = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **keywords}
        where = words[words.index("--http") + 1 :][:1] if "--http" in words else ()
        return subprocess.Popen([program, HERE / "fixture.json", *where], **keywords)


@pytest.fixture
def judge(judges, empty, tmp_path):  # noqa: F811
    def judge(pyro, requirements, *words):
        """How many checks pass."""
        with Server(pyro) as server:
            result = judges.run(empty, judges.packages / ".bin" / "conformance", "server", "--url", server.url,
                                "--requirements", requirements, "-o", tmp_path, *words)  # fmt: skip
        assert result.returncode == 0, result.stdout[-8000:] + result.stderr
        return int(re.search(r"^Total: (\d+) passed", result.stdout, re.M)[1])

    return judge


@pytest.mark.parametrize("requirements", ALL)
def test_the_library(judge, requirements):
    assert judge(Fixture(), requirements) >= ALL[requirements]


@pytest.mark.parametrize("requirements", OURS)
def test_the_server(judge, empty, requirements):
    expected = HERE / f"expected-{requirements}.yml"
    assert judge(empty, requirements, "--expected-failures", expected) >= OURS[requirements]


@pytest.mark.parametrize("requirements", OURS)
def test_reasons(requirements):
    """Only for what the server is not meant to have."""
    for line in (HERE / f"expected-{requirements}.yml").read_text().splitlines()[2:]:
        assert re.fullmatch(r"  - [\w-]+:[\w-]+ # .*(prompts|resources|fixture tool).*", line), line


def test_questions_on_pipes():
    """What the suite tries over HTTP alone: a client is asked while its request waits."""
    with Client(Fixture()) as client:
        call = client.request("tools/call", name="test_sampling", arguments={"prompt": "Who?"})
        question = client.line()
        assert question["method"] == "sampling/createMessage" and "Who?" in str(question["params"])
        client.send({"jsonrpc": "2.0", "id": "unknown", "result": {}})
        client.send({"jsonrpc": "2.0", "id": question["id"], "result": {"content": "Me."}})
        reply = client.line()
        assert reply["id"] == call and "Me." in reply["result"]["content"][0]["text"]
