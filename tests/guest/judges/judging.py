"""What judges need: where install.py has put them, and how they are started."""

import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent


class Judges:
    def __init__(self, place):
        self.venv, self.packages = place / "venv" / "bin", place / "node_modules"

    def run(self, pyro, *words, **keywords):
        """Runs a judge whose server is to be `pyro`'s."""
        env = {**pyro.env, "PATH": f"{self.venv}{os.pathsep}{os.environ['PATH']}", "NODE_PATH": str(self.packages)}
        return subprocess.run(
            [str(word) for word in words], env=env, stdin=subprocess.DEVNULL, text=True, timeout=300,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **keywords,
        )  # fmt: skip


@pytest.fixture(scope="session")
def judges():
    place = pathlib.Path(os.environ.get("PYRO_TEST_JUDGES", HERE.parents[2] / "build" / "judges"))
    assert (place / "installed").exists(), f"install the judges first: {HERE}/install.py {place}"
    return Judges(place)
