"""The official conformance suite: of each set of requirements, all that a server with nothing but tools can pass."""

import re

import pytest
from judging import HERE, judges  # noqa: F401
from mcp_http import Server

SETS = {"2026-07-28": 96, "2025-11-25": 38}  # and how many checks pass at least


@pytest.mark.parametrize("requirements", SETS)
def test_conformance(judges, empty, tmp_path, requirements):  # noqa: F811
    with Server(empty) as server:
        result = judges.run(empty, judges.packages / ".bin" / "conformance", "server", "--url", server.url,
                            "--requirements", requirements, "-o", tmp_path,
                            "--expected-failures", HERE / f"expected-{requirements}.yml")  # fmt: skip
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr
    passed = re.search(r"^Total: (\d+) passed", result.stdout, re.M)
    assert passed and int(passed[1]) >= SETS[requirements], result.stdout[-8000:]


@pytest.mark.parametrize("requirements", SETS)
def test_reasons(requirements):
    """Only for what the server is not meant to have."""
    for line in (HERE / f"expected-{requirements}.yml").read_text().splitlines()[2:]:
        assert re.fullmatch(r"  - [\w-]+:[\w-]+ # .*(prompts|resources|logging|fixture tool).*", line), line
