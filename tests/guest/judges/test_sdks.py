"""The official SDKs' clients use every tool with a real VM, and compare what they get with the output schemas."""

import json
import pathlib

import pytest
from judging import judges  # noqa: F401

HERE = pathlib.Path(__file__).resolve().parent
CLIENTS = {
    ("python", "legacy"): "2025-11-25",
    ("python", "auto"): "2026-07-28",
    ("sdk", "legacy"): None,
    ("client", "legacy"): "2025-11-25",
    ("client", "auto"): "2026-07-28",
}


@pytest.mark.parametrize("sdk, era", CLIENTS)
def test_every_tool(judges, pyro, tmp_path, sdk, era):  # noqa: F811
    (tmp_path / "seed").mkdir()
    (tmp_path / "seed" / "file").write_text("first\n")
    words = ["python", HERE / "sdk_client.py"] if sdk == "python" else ["node", HERE / "sdk_client.mjs", sdk]
    result = judges.run(pyro, judges.venv / words[0], *words[1:], era, pyro.program, cwd=tmp_path)
    assert result.returncode == 0, result.stderr[-4000:]
    seen = json.loads(result.stdout)
    assert seen.get("version") == CLIENTS[sdk, era]
    assert seen["used"] == seen["listed"] and len(seen["listed"]) == 28
    assert (tmp_path / "out").read_text() == "changed\n"
    pyro.assert_nothing_left(10)
