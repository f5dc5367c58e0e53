"""A workspace whose guest is a child process, or a file of answers when it is hostile, and what must hold of any diff of it.

The first argument of a test is the program diff-maker.
"""

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

import tree_records as records

MAKER = sys.argv.pop(1) if len(sys.argv) > 1 else "diff-maker"
TEXT_MAX = 1 << 20
ENVIRONMENT = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
               "LC_ALL": "C.UTF-8", "GIT_CEILING_DIRECTORIES": tempfile.gettempdir()}


def run(*words, **options):
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=options.pop("stdin", subprocess.DEVNULL), timeout=300,
                          env=options.pop("env", ENVIRONMENT), **options)


class Tree:
    """A directory to be changed; paths are bytes."""

    def __init__(self, root):
        self.root = os.fsencode(root)
        os.mkdir(self.root)

    def at(self, path):
        return os.path.join(self.root, path)

    def remove(self, path):
        full = self.at(path)
        if os.path.isdir(full) and not os.path.islink(full):
            shutil.rmtree(full)
        elif os.path.lexists(full):
            os.unlink(full)

    def directory(self, path, mode=0o755):
        os.makedirs(self.at(path), exist_ok=True)
        os.chmod(self.at(path), mode)

    def file(self, path, content=b"", mode=0o644):
        os.makedirs(os.path.dirname(self.at(path)), exist_ok=True)
        with open(self.at(path), "wb") as out:
            out.write(content)
        os.chmod(self.at(path), mode)

    def symlink(self, path, target):
        self.remove(path)
        os.makedirs(os.path.dirname(self.at(path)), exist_ok=True)
        os.symlink(target, self.at(path))

    def snapshot(self):
        """What git can carry: files and symlinks."""
        found = {}
        for directory, directories, files in os.walk(self.root):
            for name in directories + files:
                full = os.path.join(directory, name)
                status = os.lstat(full)
                path = os.path.relpath(full, self.root)
                if stat.S_ISLNK(status.st_mode):
                    found[path] = "symlink", os.readlink(full)
                elif stat.S_ISREG(status.st_mode):
                    with open(full, "rb") as content:
                        found[path] = "file", bool(status.st_mode & 0o100), content.read()
        return found


class Workspace:
    """A tree, its baseline, and a copy of how it was."""

    def __init__(self, fill):
        self.scratch = tempfile.TemporaryDirectory()
        self.bundle = self.at("bundle")
        os.mkdir(self.bundle)
        self.tree = Tree(self.at("after"))
        fill(self.tree)
        self.copy("before")
        done = run(MAKER, "baseline", self.bundle, self.tree.root)
        assert done.returncode == 0, done.stderr
        self.wait_for_the_next_tick()

    def at(self, name):
        return os.path.join(self.scratch.name, name)

    def copy(self, name):
        shutil.rmtree(self.at(name), ignore_errors=True)
        source = "before" if os.path.exists(self.at("before")) else "after"
        shutil.copytree(self.at(source), self.at(name), symlinks=True)
        return self.at(name)

    def wait_for_the_next_tick(self):
        """A change in the kernel's tick of the baseline cannot be seen by its ctime."""
        tick = self.at("tick")
        open(tick, "w").close()
        first = os.stat(tick).st_ctime_ns
        while os.stat(tick).st_ctime_ns == first:
            os.utime(tick)

    def result(self, done, patch):
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        with open(patch, "rb") as content:
            result["bytes"] = content.read()
        self.milliseconds = int(done.stderr.split()[0])
        leftovers = [name for name in os.listdir(self.bundle) if not name.startswith("baseline.")]
        assert not leftovers, leftovers
        return result

    def diff(self):
        patch = self.at("patch")
        return self.result(run(MAKER, "diff", self.bundle, self.tree.root, patch), patch)

    def answers(self, listed, fetched=records.END):
        for name, answer in ("list", listed), ("fetch", fetched):
            with open(self.at(name), "wb") as out:
                out.write(answer)
        return run(MAKER, "answers", self.bundle, self.at("list"), self.at("fetch"),
                   self.at("patch"))

    def answered(self, listed, fetched=records.END):
        return self.result(self.answers(listed, fetched), self.at("patch"))

    def git_paths(self):
        done = run("git", "diff", "--no-index", "--no-renames", "--name-status", "-z", "before",
                   "after", cwd=self.scratch.name)
        assert done.returncode in (0, 1), done.stderr
        names = done.stdout.split(b"\0")[1::2]
        return {name.split(b"/", 1)[1] for name in names}

    def applied(self, result, *tool):
        where = self.copy("applied")
        # git knows no empty directories, and will not put a file where one is.
        for directory, _, _ in os.walk(where, topdown=False):
            if not os.listdir(directory) and directory != where:
                os.rmdir(directory)
        with open(self.at("patch"), "rb") as patch:
            done = run(*tool, cwd=where, stdin=patch)
        assert done.returncode == 0, (tool, done.stdout, done.stderr)
        tree = Tree.__new__(Tree)
        tree.root = os.fsencode(where)
        return tree.snapshot()


def by_path(result):
    return {entry["path"]: entry for entry in result["entries"]}


def shown(path):
    """A path as JSON has it."""
    return path.decode(errors="replace")


class Case(unittest.TestCase):
    maxDiff = None

    def workspace(self, fill):
        workspace = Workspace(fill)
        self.addCleanup(workspace.scratch.cleanup)
        return workspace


class Checks(Case):

    def check(self, workspace):
        """All that must hold of any diff."""
        result = workspace.diff()
        entries = result["entries"]
        self.assertEqual(result["changed"], bool(entries))
        self.assert_summary(result)
        git_knows = {entry["path"] for entry in entries
                     if entry["artifact_type"] != "other" and entry.get("reason") != "permissions"
                     and (entry["artifact_type"] != "directory" or entry["status"] == "type_changed"
                          and entry["artifact_type_before"] != "other")}
        self.assertEqual(git_knows, {shown(path) for path in workspace.git_paths()})
        self.assert_applies(workspace, result)
        return result

    def assert_summary(self, result):
        entries, summary = result["entries"], result["summary"]
        self.assertEqual(summary["total"], len(entries))
        for status in "added", "modified", "deleted", "type_changed":
            self.assertEqual(summary[status], sum(entry["status"] == status for entry in entries))
        patched = [entry["text_patch"] for entry in entries if entry["text_patch"] is not None]
        self.assertEqual(summary["text_patched"], len(patched))
        self.assertEqual(summary["non_text"], len(entries) - len(patched))
        self.assertEqual("".join(patched), result["patch"])
        for entry in entries:
            self.assertEqual("reason" in entry, entry["text_patch"] is None, entry)

    def assert_applies(self, workspace, result):
        if not result["bytes"]:
            return
        unshown = {path for path, entry in by_path(result).items() if entry["text_patch"] is None}
        wanted = {path: state for path, state in workspace.tree.snapshot().items()
                  if shown(path) not in unshown}

        def without(state):
            return {path: value for path, value in state.items() if shown(path) not in unshown}

        got = workspace.applied(result, "git", "apply", "--whitespace=nowarn")
        self.assertEqual(without(got), wanted)
        # GNU patch cannot put a directory where a file is, nor a file where a directory is.
        if not any("directory" in (entry["artifact_type"], entry.get("artifact_type_before"))
                   for entry in result["entries"] if entry["status"] == "type_changed"):
            got = workspace.applied(result, "patch", "-p1", "-s", "--no-backup-if-mismatch")
            self.assertEqual(without(got), wanted)


AWKWARD = [b"plain", b"with space", b"two  spaces ", b" leading", b'quo"te', b"back\\slash",
           b"tab\there", b"new\nline", b"cr\r", b"latin-\xe9", "unicode-\u00e9\u4e2d".encode(),
           b"-dash", b"a b\tc", b"bell\a\x01\x7f", b"deep/er/and er/leaf", b"dev/null", b"'single'",
           b"{brace} $HOME `x`", b"*?[x]", b"n" * 240, b"--- a", b"a/b/a/b", b"x \xff"]

CONTENTS = [b"", b"\n", b"one\n", b"no newline", b"a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n", b"crlf\r\nlines\r\n",
            b"mixed\r\nlines\n", b"latin \xe9\n", "\u00fcnicode\n".encode(), b"-- sql\n--- a/x\n+++ b/x\n",
            b"@@ -1 +1 @@\n-x\n+x\n", b"\\ No newline at end of file\n", b"diff --git a/x b/x\n", b"\r", b"\n\n\n",
            b"diff -a -u -r a/0000000 b/0000000\n--- a/0000000\n+++ b/0000000\n@@ -1 +1 @@\n-a\n+b\n",
            b"x" * 9000 + b"\0late\nend\n", b"Index: x\n===\n*** a\n--- b\n"]
