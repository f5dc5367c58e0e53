"""The official SDKs' clients use every tool with a real VM, and compare what they get with the output schemas."""

import json
import signal
import pathlib

import pytest
from judging import judges  # noqa: F401
from mcp_http import Server

HERE = pathlib.Path(__file__).resolve().parent
CLIENTS = {
    ("python", "legacy"): "2025-11-25",
    ("python", "auto"): "2026-07-28",
    ("sdk", "legacy"): None,
    ("client", "legacy"): "2025-11-25",
    ("client", "auto"): "2026-07-28",
}


@pytest.fixture
def use(judges, pyro, tmp_path):  # noqa: F811
    (tmp_path / "seed").mkdir()
    (tmp_path / "seed" / "file").write_text("first\n")

    def use(sdk, era, server):
        of_python = [judges.python, HERE / "sdk_client.py"]
        words = of_python if sdk == "python" else [judges.node, HERE / "sdk_client.mjs", sdk]
        result = judges.run(pyro, *words, era, server, cwd=tmp_path)
        assert result.returncode == 0, result.stderr[-4000:]
        seen = json.loads(result.stdout)
        assert seen.get("version") == CLIENTS[sdk, era]
        assert seen["used"] == seen["listed"] and len(seen["listed"]) == 28
        assert (tmp_path / "out").read_text() == "changed\n"

    return use


@pytest.mark.parametrize("sdk, era", CLIENTS)
def test_on_pipes(use, pyro, sdk, era):
    use(sdk, era, pyro.program)
    pyro.assert_nothing_left(10)


@pytest.mark.parametrize("sdk, era", [("python", "auto"), ("sdk", "legacy")])
def test_over_http(use, pyro, tmp_path, sdk, era):
    with Server(pyro, cwd=tmp_path, spare_seconds=600) as server:
        use(sdk, era, server.url)
        assert server.stop(signal.SIGTERM) == (143, b"")
    pyro.assert_nothing_left(10)
