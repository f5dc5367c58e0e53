"""What the tests of templates share: a home of its own whose templates may come to harm, and looks at what lies there."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from conftest import BASE, Pyro

FILES = ("ram", "state", "overlay.qcow2", "initrd", "manifest.json")


class Own(Pyro):
    """`pyro` with the shared home's environments and verdicts, and templates of its own."""

    def __init__(self, directory, shared):
        home, logs = directory / "home", directory / "logs"
        home.mkdir(mode=0o700)
        logs.mkdir()
        (home / "environments").symlink_to(shared / "environments")
        shutil.copytree(shared / "cache", home / "cache", copy_function=shutil.copy2)
        super().__init__(home, logs)
        self.templates = home / "templates"

    def remove(self):
        shutil.rmtree(self.home, ignore_errors=True)

    def names(self):
        return sorted(p.name for p in self.templates.glob("[!.]*") if p.is_dir())

    def staged(self):
        return sorted(p.name for p in self.templates.glob(".new-*"))

    def manifest(self, name):
        return json.loads((self.templates / name / "manifest.json").read_text())

    def listed(self, **keywords):
        """{name: what `env inspect` says of it}."""
        entries = self.json("env", "inspect", BASE, **keywords)["templates"]
        return {entry["name"]: entry for entry in entries}

    def start(self, *flags, env=None):
        """A run of that shape, by default the one that a pull makes a template for. It must come out right; what it tells."""
        result = self.run_json("echo", "up", flags=flags, env=env)
        assert result.get("stdout") == "up\n" and result["exit_code"] == 0, result
        return result

    def make(self, *flags):
        """The name of that shape's template, which is there afterwards; it was used last."""
        before = self.names()
        if self.start(*flags)["boot_kind"] == "cold":
            self.settle()
            assert self.start(*flags)["boot_kind"] == "restored"
        (name,) = set(self.names()) - set(before) or [max(self.names(), key=self.last_use)]
        return name

    def last_use(self, name):
        return (self.templates / f"{name}.use").stat().st_mtime_ns

    def findings(self):
        """What doctor says of templates that is not good; it says so once."""
        checks = self.json("doctor")["checks"]
        return [c for c in checks if c["name"] == "templates" and c["status"] != "ok"]

    def assert_whole(self):
        """Nothing half-made, nothing of a maker; all templates that are there can be used."""
        assert self.staged() == []
        assert all(entry["usable"] for entry in self.listed().values()), self.listed()
        self.assert_nothing_left()


def restamp(directory):
    """Makes a template's manifest fit the files that are there now, as if it had been made of them."""
    path = directory / "manifest.json"
    manifest = json.loads(path.read_text())
    for name in manifest["files"]:
        status = os.stat(directory / name)
        manifest["files"][name].update(
            inode=status.st_ino, size=status.st_size, mtime_ns=status.st_mtime_ns, ctime_ns=status.st_ctime_ns
        )
    path.write_text(json.dumps(manifest))


def change(path, how):
    """One of the things that can happen to a file."""
    status = path.stat()
    path.chmod(0o600)
    if how == "written":
        with open(path, "r+b") as file:
            file.seek(status.st_size // 2)
            file.write(b"damage")
    elif how == "written, size and times kept":
        change(path, "written")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif how == "truncated":
        os.truncate(path, status.st_size // 2)
    elif how == "missing":
        path.unlink()
        return
    elif how == "touched":
        os.utime(path)
    path.chmod(status.st_mode & 0o777)


def compile_c(source, output, *flags):
    """Compiles a C file of this directory; without a compiler the test is skipped."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        pytest.skip(f"no C compiler for {source}")
    path = pathlib.Path(__file__).with_name(source)
    subprocess.run([compiler, "-O1", "-o", output, path, *flags], check=True)
    return output


