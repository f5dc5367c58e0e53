"""Each file of examples/ runs as it stands, prints what it promises, and leaves nothing."""

import os
import pathlib
import subprocess
import sys
import time

import pytest
from conftest import live_vms
from test_bad_input import PROGRAM

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
PRINTED = {
    "one_shot.sh": ["Linux ", "A\nB\n", "exit status 3\n", "exit status 124\n", '"hello\\n"'],
    "one_shot.py": [
        "exit code 3\n", "stdout 'out\\n' stderr 'err\\n'", "b'<two words><$HOME>'", "timed out True exit code 124\n",
        "error unknown_environment - ", "debian:12-base",
    ],
    "workspace_loop.py": [
        "command 1: wrong: 13\n", "command 2: wrong: 36\n", "command 3: exit code 0\n", "1 modified\n",
        "-echo $((6 + 7))\n+echo $((6 * 7))\n", "home: echo $((6 * 7))\n",
    ],
    "service.py": [
        "hello running\n", "it says hello\n", "error service_failed - ", "no config", "broken failed\n", "stopped: stopped\n",
        "it wrote listening\n",
    ],
    "shell.py": ["hello world from /tmp", "sleeping", "and awake", "shell stopped\n"],
    "agent_anthropic.py": ['vm_run {"environment": "debian:12-bse"', 'vm_run {"environment": "debian:12-base"', "The guest runs Debian 12"],
    "agent_openai.py": ['vm_run {"environment": "debian:12-bse"', 'vm_run {"environment": "debian:12-base"', "The guest runs Debian 12"],
}  # fmt: skip
HELPERS = {"mcp_tools.py"}


def test_all_examples_are_run():
    assert {path.name for path in EXAMPLES.iterdir() if path.is_file()} == PRINTED.keys() | HELPERS


def test_they_are_short():
    for name in PRINTED.keys() | HELPERS:
        assert len((EXAMPLES / name).read_text().splitlines()) < 60, name


@pytest.mark.parametrize("name", PRINTED)
def test_example(name, home, tmp_path):
    before = live_vms(home)
    words = [sys.executable] if name.endswith(".py") else []
    env = dict(os.environ, PATH=f"{PROGRAM.parent}:{os.environ['PATH']}")
    result = subprocess.run(
        [*words, EXAMPLES / name], env=env, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stdout + result.stderr
    for text in PRINTED[name]:
        assert text in result.stdout, f"{text!r} is not in\n{result.stdout}{result.stderr}"
    deadline = time.monotonic() + 20
    while live_vms(home) != before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert live_vms(home) == before
    assert list(tmp_path.iterdir()) == []
