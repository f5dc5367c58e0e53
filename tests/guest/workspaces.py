"""What the tests of workspaces share: one that is deleted at the end of its test, and something to put into it."""

import json
import os
import time

import pytest

from conftest import BASE


class Workspace:
    """One workspace of a `Pyro`, deleted at the end of its test."""

    def __init__(self, pyro, *flags, mem_mib=256, environment=BASE):
        self.pyro = pyro
        result = pyro.run("workspace", "create", environment, "--mem-mib", str(mem_mib), *map(str, flags), "--json")
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


class Shell:
    def __init__(self, one, *flags):
        self.one, self.pyro, self.cursor = one, one.pyro, 0
        self.record = self.pyro.json("workspace", "shell", "open", one.id, *map(str, flags))
        self.id = self.record["shell_id"]

    def run(self, verb, *words, **keywords):
        return self.pyro.run("workspace", "shell", verb, self.one.id, self.id, *map(str, words), **keywords)

    def json(self, verb, *words, **keywords):
        result = self.run(verb, *words, "--json", **keywords)
        assert result.returncode == 0, result.stdout.decode() + result.stderr.decode()
        return json.loads(result.stdout)

    def type(self, text, *flags):
        return self.json("write", "--input", text, *flags)

    def read(self, *flags):
        return self.json("read", *flags)

    def expect(self, wanted, seconds=60):
        """All that is shown from the last one on until this is there."""
        deadline, text = time.monotonic() + seconds, ""
        while wanted not in text:
            assert time.monotonic() < deadline, text
            part = self.read("--cursor", self.cursor, "--wait-ms", 2000)
            text += part["output"]
            self.cursor = part["next_cursor"]
        return text


    def hush(self):
        """No prompt, no echo: what is shown from now on is what programs write."""
        self.type("PS1=; stty -echo; bind 'set enable-bracketed-paste off'; echo QUI''ET")
        self.expect("QUIET\r\n")
        return self

    def end(self):
        return self.read("--max-chars", 16 << 20)["end_cursor"]


@pytest.fixture
def workspace(pyro):
    made = []

    def make(*flags, **options):
        made.append(Workspace(pyro, *flags, **options))
        return made[-1]

    yield make
    for one in made:
        one.delete()
    pyro.settle()  # of a shape that is not in SHAPES
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
