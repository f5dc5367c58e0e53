"""The official conformance suite: of each set of requirements, all that a server with nothing but tools can pass."""

import re
import socket
import subprocess

import pytest
from conftest import wait_until
from judging import HERE, judges  # noqa: F401

SETS = {"2026-07-28": 97, "2025-11-25": 40}  # and how many checks pass at least


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def answers(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def url(judges, empty):  # noqa: F811
    port = free_port()
    words = ["mcp-proxy", "--port", port, "--host", "127.0.0.1", "--server", "stream", "--", empty.program, "mcp", "serve"]
    server = judges.start(empty, judges.packages / ".bin" / words[0], *words[1:], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(port), 30, "the server")
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.terminate()
        server.wait(10)


@pytest.mark.parametrize("requirements", SETS)
def test_conformance(judges, empty, url, tmp_path, requirements):  # noqa: F811
    suite = judges.packages / ".bin" / "conformance"
    result = judges.run(empty, suite, "server", "--url", url, "--requirements", requirements, "-o", tmp_path,
                        "--expected-failures", HERE / f"expected-{requirements}.yml")  # fmt: skip
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr
    passed = re.search(r"^Total: (\d+) passed", result.stdout, re.M)
    assert passed and int(passed[1]) >= SETS[requirements], result.stdout[-8000:]


@pytest.mark.parametrize("requirements", SETS)
def test_reasons(requirements):
    """Only for what the server is not meant to have."""
    for line in (HERE / f"expected-{requirements}.yml").read_text().splitlines()[2:]:
        assert re.fullmatch(r"  - [\w-]+:[\w-]+ # .*(prompts|resources|logging|fixture tool|the proxy).*", line), line
