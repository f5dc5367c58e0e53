"""MCP Inspector, in each way it has to begin, finds nothing to complain about."""

import json

import pytest
from judging import judges  # noqa: F401
from mcp_http import Server

ERAS = {"legacy": "2025-11-25", "auto": "2026-07-28", "modern": "2026-07-28"}
pytestmark = pytest.mark.parametrize("era", ERAS)


@pytest.fixture(params=["stdio", "http"])
def inspect(judges, empty, request):  # noqa: F811
    def inspect(target, era, *words):
        return judges.run(empty, judges.packages / ".bin" / "mcp-inspector", "--cli", "-q", "--protocol-era", era,
                          "--format", "json", *words, *target)  # fmt: skip

    if request.param == "stdio":
        yield lambda *words: inspect(("--", empty.program, "mcp", "serve"), *words)
    else:
        with Server(empty) as server:
            yield lambda *words: inspect(("--transport", "http", "--server-url", server.url), *words)


def test_initialize(inspect, era):
    result = inspect(era, "--method", "initialize")
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["result"]["protocolVersion"] == ERAS[era]


def test_schemas(inspect, era):
    result = inspect(era, "--method", "tools/list", "--strict")
    assert (result.returncode, result.stderr) == (0, "")
    assert len(json.loads(result.stdout)["result"]["tools"]) == 28


def test_call(inspect, era):
    result = inspect(era, "--method", "tools/call", "--tool-name", "vm_list_environments")
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["result"]["structuredContent"]["environments"]


def test_error(inspect, era):
    """It reaches whoever calls, as an error of the tool."""
    result = inspect(era, "--method", "tools/call", "--tool-name", "vm_status", "--tool-args-json", '{"vm_id": "x"}')
    assert result.returncode == 5 and "unknown_vm" in result.stdout, result.stderr
