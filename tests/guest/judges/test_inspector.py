"""MCP Inspector, in each way it has to begin, finds nothing to complain about."""

import json

import pytest
from judging import judges  # noqa: F401

ERAS = {"legacy": "2025-11-25", "auto": "2026-07-28", "modern": "2026-07-28"}


@pytest.fixture
def inspect(judges, empty):
    def inspect(era, *words):
        inspector = judges.packages / ".bin" / "mcp-inspector"
        return judges.run(empty, inspector, "--cli", "-q", "--protocol-era", era, "--format", "json", *words,
                          "--", empty.program, "mcp", "serve")  # fmt: skip

    return inspect


@pytest.mark.parametrize("era", ERAS)
def test_initialize(inspect, era):
    result = inspect(era, "--method", "initialize")
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["result"]["protocolVersion"] == ERAS[era]


@pytest.mark.parametrize("era", ERAS)
def test_schemas(inspect, era):
    result = inspect(era, "--method", "tools/list", "--strict")
    assert (result.returncode, result.stderr) == (0, "")
    assert len(json.loads(result.stdout)["result"]["tools"]) == 28


@pytest.mark.parametrize("era", ERAS)
def test_call(inspect, era):
    result = inspect(era, "--method", "tools/call", "--tool-name", "vm_list_environments")
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["result"]["structuredContent"]["environments"]


@pytest.mark.parametrize("era", ERAS)
def test_error(inspect, era):
    """It reaches whoever calls, as an error of the tool."""
    result = inspect(era, "--method", "tools/call", "--tool-name", "vm_status", "--tool-args-json", '{"vm_id": "x"}')
    assert result.returncode == 5 and "unknown_vm" in result.stdout, result.stderr
