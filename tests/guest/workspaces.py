"""What the tests of workspaces share: one that is deleted at the end of its test, and something to put into it."""

import json
import os

import pytest

from conftest import BASE


class Workspace:
    """One workspace of a `Pyro`, deleted at the end of its test."""

    def __init__(self, pyro, *flags):
        self.pyro = pyro
        result = pyro.run("workspace", "create", BASE, "--mem-mib", "256", *map(str, flags), "--json")
        assert result.returncode == 0, result.stderr.decode()
        self.record = json.loads(result.stdout)
        self.id, self.vm_id = self.record["workspace_id"], self.record["vm_id"]

    def run(self, verb, *words, **keywords):
        return self.pyro.run("workspace", *verb.split(), self.id, *map(str, words), **keywords)

    def json(self, verb, *words, **keywords):
        result = self.run(verb, *words, "--json", **keywords)
        assert result.returncode == 0, result.stderr.decode() + result.stdout.decode()
        return json.loads(result.stdout)

    def exec(self, *command, **keywords):
        return self.run("exec", "--", *command, **keywords)

    def supervisor(self):
        """Its pid: of those that have its bundle's lock open, the supervisor."""
        lock = str(self.pyro.home / "vms" / self.vm_id / "lock")
        for pid, name in self.pyro.processes().items():
            try:
                held = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
            except OSError:
                continue
            if name.startswith("pyro-supervisor") and lock in held:
                return pid
        return None

    def delete(self):
        return self.run("delete")


@pytest.fixture
def workspace(pyro):
    made = []

    def make(*flags):
        made.append(Workspace(pyro, *flags))
        return made[-1]

    yield make
    for one in made:
        one.delete()
    pyro.assert_nothing_left()


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    (root / "src" / "empty").mkdir(parents=True)
    (root / "src" / "main.c").write_text("int main(void)\n{\n    return 0;\n}\n")
    (root / "run.sh").write_text("#!/bin/sh\necho running\n")
    (root / "run.sh").chmod(0o755)
    (root / "link").symlink_to("src/main.c")
    os.link(root / "run.sh", root / "hard.sh")
    (root / "no newline").write_bytes(b"last line")
    with open(os.fsencode(root) + b"/odd\n\xff name", "wb") as file:
        file.write(b"odd\n")
    os.utime(root / "src" / "main.c", ns=(0, 1234567890_123456789))
    return root
