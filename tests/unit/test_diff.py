#!/usr/bin/env python3
"""What `pyro workspace diff` says of a tree, against what git says, and against what comes out when
its patches are applied. The guest is a child process, or a file of answers when it is hostile.

    test_diff.py DIFF_MAKER [unittest arguments]
"""

import errno
import json
import os
import random
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


class AgainstGit(Checks):
    def test_nothing_changed(self):
        workspace = self.workspace(lambda tree: [tree.file(b"a", b"x"), tree.symlink(b"l", b"a"),
                                            tree.directory(b"d")])
        result = self.check(workspace)
        self.assertEqual((result["changed"], result["patch"], result["entries"]), (False, "", []))

    def test_empty_baseline(self):
        workspace = self.workspace(lambda tree: None)
        self.assertFalse(self.check(workspace)["changed"])
        workspace.tree.file(b"new/file", b"x\n", 0o755)
        self.assertEqual(self.check(workspace)["summary"]["added"], 1)

    def fill_awkward(self, tree):
        for number, path in enumerate(AWKWARD):
            tree.file(path, CONTENTS[number % len(CONTENTS)])

    def test_awkward_names_added(self):
        workspace = self.workspace(lambda tree: None)
        self.fill_awkward(workspace.tree)
        self.assertEqual(self.check(workspace)["summary"]["added"], len(AWKWARD))

    def test_awkward_names_deleted(self):
        workspace = self.workspace(self.fill_awkward)
        for path in AWKWARD:
            workspace.tree.remove(path)
        self.assertGreaterEqual(self.check(workspace)["summary"]["deleted"], len(AWKWARD))

    def test_awkward_names_modified(self):
        workspace = self.workspace(self.fill_awkward)
        for number, path in enumerate(AWKWARD):
            workspace.tree.file(path, CONTENTS[(number + 7) % len(CONTENTS)], 0o755 if number % 3 else 0o644)
        self.assertEqual(self.check(workspace)["summary"]["modified"], len(AWKWARD))

    def test_awkward_names_with_a_new_mode(self):
        workspace = self.workspace(self.fill_awkward)
        for path in AWKWARD:
            os.chmod(workspace.tree.at(path), 0o755)
        result = self.check(workspace)
        self.assertEqual(result["summary"]["text_patched"], len(AWKWARD))
        self.assertEqual(result["entries"][0]["mode_before"], "0644")
        self.assertEqual(result["entries"][0]["mode_after"], "0755")

    def test_every_content_becomes_every_other(self):
        def fill(tree):
            for a, content in enumerate(CONTENTS):
                for b in range(len(CONTENTS)):
                    tree.file(b"%d/%d" % (a, b), content)
        workspace = self.workspace(fill)
        for a in range(len(CONTENTS)):
            for b, content in enumerate(CONTENTS):
                workspace.tree.file(b"%d/%d" % (a, b), content)
        self.assertEqual(self.check(workspace)["summary"]["modified"],
                         len(CONTENTS) * (len(CONTENTS) - 1))

    def test_kinds_swapped(self):
        kinds = {
            b"file": lambda tree, path: tree.file(path, b"text\n"),
            b"empty": lambda tree, path: tree.file(path),
            b"symlink": lambda tree, path: tree.symlink(path, b"to where"),
            b"dangling": lambda tree, path: tree.symlink(path, b"line\nfeed"),
            b"directory": lambda tree, path: tree.file(path + b"/in it", b"leaf\n"),
            b"empty-directory": lambda tree, path: tree.directory(path),
        }
        pairs = [(a, b) for a in kinds for b in kinds if a != b]

        def fill(tree):
            for a, b in pairs:
                kinds[a](tree, a + b"-" + b)
        workspace = self.workspace(fill)
        for a, b in pairs:
            workspace.tree.remove(a + b"-" + b)
            kinds[b](workspace.tree, a + b"-" + b)
        result = by_path(self.check(workspace))
        self.assertEqual(result["file-symlink"]["status"], "type_changed")
        self.assertEqual(result["file-symlink"]["artifact_type"], "symlink")
        self.assertEqual(result["symlink-dangling"]["status"], "modified")
        self.assertEqual(result["directory-file/in it"]["status"], "deleted")
        self.assertEqual(result["directory-empty-directory/in it"]["status"], "deleted")
        self.assertNotIn("directory-empty-directory", result)

    def test_patch_takes_swapped_files_and_symlinks(self):
        names = [b"a", b"b b", b"c\n"]
        workspace = self.workspace(lambda tree: [
            (tree.file(b"f" + name, b"x"), tree.symlink(b"l" + name, b"x")) for name in names])
        for name in names:
            workspace.tree.symlink(b"f" + name, b"y")
            workspace.tree.remove(b"l" + name)
            workspace.tree.file(b"l" + name, b"")
        self.assertEqual(self.check(workspace)["summary"]["type_changed"], 6)

    def test_binary(self):
        binary = [b"\0", b"x" * 7999 + b"\0", "UTF-16\n".encode("utf-16"), bytes(range(256))]

        def fill(tree):
            for number, content in enumerate(binary):
                tree.file(b"same%d" % number, content)
                tree.file(b"to-text%d" % number, content)
                tree.file(b"from-text%d" % number, b"text\n")
                tree.file(b"gone%d" % number, content)
        workspace = self.workspace(fill)
        for number, content in enumerate(binary):
            workspace.tree.file(b"same%d" % number, content + b"more")
            workspace.tree.file(b"to-text%d" % number, b"text\n")
            workspace.tree.file(b"from-text%d" % number, content)
            workspace.tree.file(b"new%d" % number, content)
            workspace.tree.remove(b"gone%d" % number)
        workspace.tree.file(b"text", b"so that there is a patch\n")
        result = self.check(workspace)
        self.assertEqual(result["summary"]["text_patched"], 1)
        self.assertEqual({entry.get("reason") for entry in result["entries"]}, {None, "binary"})

    def test_a_binary_that_gets_executable(self):
        workspace = self.workspace(lambda tree: tree.file(b"program", b"\0elf"))
        os.chmod(workspace.tree.at(b"program"), 0o755)
        self.assertIn("new mode 100755", self.check(workspace)["patch"])

    def test_directories(self):
        workspace = self.workspace(lambda tree: [tree.directory(b"empty"), tree.file(b"full/file", b"x"),
                                            tree.directory(b"nest/inner"), tree.directory(b"mode")])
        tree = workspace.tree
        for gone in b"empty", b"full", b"nest":
            tree.remove(gone)
        tree.directory(b"new")
        tree.directory(b"outer/inner")
        os.chmod(tree.at(b"mode"), 0o700)
        entries = by_path(self.check(workspace))
        self.assertEqual({path: entry["status"] for path, entry in entries.items()},
                         {"empty": "deleted", "full/file": "deleted", "nest/inner": "deleted",
                          "new": "added", "outer/inner": "added", "mode": "modified"})
        self.assertEqual(entries["mode"]["mode_after"], "0700")
        self.assertEqual(entries["new"]["reason"], "not a file")

    def test_siblings_that_sort_between_a_directory_and_its_children(self):
        workspace = self.workspace(lambda tree: [tree.file(b"d/x", b"x"), tree.file(b"d-x", b"x"),
                                            tree.file(b"d.x", b"x")])
        for path in b"d", b"d-x":
            workspace.tree.remove(path)
        workspace.tree.file(b"e-x")
        workspace.tree.file(b"e/x")
        self.assertEqual(set(by_path(self.check(workspace))), {"d/x", "d-x", "e/x", "e-x"})

    def test_permissions(self):
        workspace = self.workspace(lambda tree: [tree.file(b"a", b"x"), tree.file(b"b", b"x")])
        os.chmod(workspace.tree.at(b"a"), 0o600)
        os.chmod(workspace.tree.at(b"b"), 0o4744)  # a set-id bit does not travel
        entries = by_path(self.check(workspace))
        self.assertEqual(entries["a"]["reason"], "permissions")
        self.assertEqual((entries["a"]["mode_before"], entries["a"]["mode_after"]), ("0644", "0600"))
        self.assertEqual(entries["b"]["mode_after"], "0744")

    def test_other(self):
        workspace = self.workspace(lambda tree: tree.file(b"file", b"x\n"))
        workspace.tree.remove(b"file")
        os.mkfifo(workspace.tree.at(b"file"))
        os.mkfifo(workspace.tree.at(b"pipe"))
        result = workspace.diff()
        entries = by_path(result)
        self.assert_summary(result)
        self.assertEqual(entries["pipe"]["artifact_type"], "other")
        self.assertEqual(entries["pipe"]["reason"], "not a file")
        self.assertIn("deleted file mode", entries["file"]["text_patch"])

    def test_renames_are_two_changes(self):
        workspace = self.workspace(lambda tree: tree.file(b"old", b"x\n" * 100))
        os.rename(workspace.tree.at(b"old"), workspace.tree.at(b"new"))
        summary = self.check(workspace)["summary"]
        self.assertEqual((summary["added"], summary["deleted"]), (1, 1))

    def test_what_is_git_s_own(self):
        """It is told, and left out of the patch: git apply would refuse all of it."""
        workspace = self.workspace(lambda tree: [tree.file(b".git/config", b"[core]\n"), tree.file(b"a", b"x\n")])
        workspace.tree.file(b".git/config", b"[core]\nx = 1\n")
        workspace.tree.file(b"sub/.GIT/index", b"text\n")
        workspace.tree.file(b".gitignore", b"*.o\n")
        entries = by_path(self.check(workspace))
        self.assertEqual({path: entry.get("reason") for path, entry in entries.items()},
                         {".git/config": "of git itself", "sub/.GIT/index": "of git itself", ".gitignore": None})

    def test_hard_links(self):
        def fill(tree):
            tree.file(b"a", b"x\n")
            os.link(tree.at(b"a"), tree.at(b"b"))
        workspace = self.workspace(fill)
        self.assertFalse(self.check(workspace)["changed"])
        with open(workspace.tree.at(b"a"), "ab") as out:
            out.write(b"more\n")
        self.assertEqual(self.check(workspace)["summary"]["modified"], 2)

    def test_lossy_texts(self):
        workspace = self.workspace(lambda tree: tree.file(b"latin", b"\xe9\n"))
        workspace.tree.file(b"latin", b"\xe8\n")
        result = self.check(workspace)
        self.assertTrue(result["entries"][0]["lossy"])
        self.assertIn("+\ufffd", result["patch"])
        self.assertIn(b"+\xe8\n", result["bytes"])


class Content(Checks):
    def test_a_touched_file_is_none(self):
        workspace = self.workspace(lambda tree: [tree.file(b"small", b"x"), tree.file(b"large", b"x" * 2 * TEXT_MAX),
                                            tree.symlink(b"l", b"x"), tree.directory(b"d")])
        for path in b"small", b"large", b"l", b"d":
            os.utime(workspace.tree.at(path), ns=(5, 5), follow_symlinks=False)
        self.assertFalse(self.check(workspace)["changed"])
        workspace.tree.remove(b"small")
        workspace.tree.file(b"small", b"x")
        self.assertFalse(self.check(workspace)["changed"])

    def test_a_change_that_hides(self):
        large = b"x" * (TEXT_MAX + 5)
        workspace = self.workspace(lambda tree: [tree.file(b"small", b"one\n"), tree.file(b"large", large)])
        for path, content in (b"small", b"two\n"), (b"large", large[:-1] + b"y"):
            status = os.stat(workspace.tree.at(path))
            workspace.tree.file(path, content)
            os.utime(workspace.tree.at(path), ns=(status.st_atime_ns, status.st_mtime_ns))
        entries = by_path(self.check(workspace))
        self.assertEqual(set(entries), {"small", "large"})
        self.assertEqual(entries["large"]["reason"], "oversize")

    def test_large_files(self):
        workspace = self.workspace(lambda tree: [
            tree.file(b"grows", b"x"), tree.file(b"shrinks", b"x" * (TEXT_MAX + 1)),
            tree.file(b"gone", b"x" * (TEXT_MAX + 1)), tree.file(b"most", b"x\n" * (TEXT_MAX // 2))])
        tree = workspace.tree
        tree.file(b"grows", b"x" * (TEXT_MAX + 1))
        tree.file(b"shrinks", b"x")
        tree.remove(b"gone")
        tree.file(b"most", b"y\n" + b"x\n" * (TEXT_MAX // 2 - 1))
        tree.file(b"new", b"x" * (TEXT_MAX + 1))
        entries = by_path(self.check(workspace))
        self.assertIsNotNone(entries.pop("most")["text_patch"])
        self.assertEqual({entry["reason"] for entry in entries.values()}, {"oversize"})
        self.assertEqual(entries["grows"]["size_after"], TEXT_MAX + 1)

    def test_a_sparse_file(self):
        def fill(tree):
            tree.file(b"sparse")
            os.truncate(tree.at(b"sparse"), 5 * TEXT_MAX)
        workspace = self.workspace(fill)
        workspace.tree.file(b"sparse", b"\0" * 5 * TEXT_MAX)
        self.assertFalse(self.check(workspace)["changed"])
        workspace.tree.file(b"small")
        os.truncate(workspace.tree.at(b"small"), 1000)
        self.assertEqual(by_path(self.check(workspace))["small"]["reason"], "binary")

    def test_more_text_than_is_kept(self):
        workspace = self.workspace(lambda tree: None)
        for number in range(70):
            workspace.tree.file(b"%02d" % number, b"x" * 63 + b"\n" + b"x" * (TEXT_MAX - 64))
        result = workspace.diff()
        self.assert_summary(result)
        self.assertEqual({entry.get("reason") for entry in result["entries"]}, {None, "oversize"})
        self.assertIn(result["summary"]["text_patched"], range(60, 65))
        self.assertLessEqual(len(result["bytes"]), 64 << 20)

    def test_many_files(self):
        def fill(tree):
            for number in range(5000):
                tree.file(b"%02d/%d" % (number % 50, number), b"some\ntext %d\n" % number)
        workspace = self.workspace(fill)
        for number in range(0, 5000, 2):
            workspace.tree.file(b"%02d/%d" % (number % 50, number), b"some\nother text %d\n" % number)
        for number in range(1, 5000, 2):
            os.utime(workspace.tree.at(b"%02d/%d" % (number % 50, number)))
        result = self.check(workspace)
        self.assertEqual(result["summary"]["modified"], 2500)
        print("# 2500 of 5000 files modified, the rest touched: %d ms" % workspace.milliseconds)

    def test_many_untouched_files(self):
        def fill(tree):
            for number in range(10000):
                tree.file(b"%02d/%d" % (number % 50, number), b"x")
        workspace = self.workspace(fill)
        self.assertFalse(workspace.diff()["changed"])
        print("# 10000 files untouched: %d ms" % workspace.milliseconds)


class Random(Checks):
    NAMES = [b"a", b"b", b"b c", b"d\t", b"\xff", b"e", b"f.x", b"g-"]

    def some_path(self, chance):
        return b"/".join(chance.choice(self.NAMES) for _ in range(chance.choice((1, 1, 2, 3))))

    def some_content(self, chance):
        if chance.random() < 0.3:
            return chance.choice(CONTENTS)
        lines = [b"line %d\n" % chance.randrange(6) for _ in range(chance.randrange(40))]
        return b"".join(lines) + (b"" if chance.random() < 0.7 else b"end")

    def change(self, chance, tree):
        path = self.some_path(chance)
        for at in range(len(path.split(b"/"))):
            above = b"/".join(path.split(b"/")[:at])
            if above and not (os.path.isdir(tree.at(above)) and not os.path.islink(tree.at(above))):
                tree.remove(above)
        action = chance.random()
        full = tree.at(path)
        is_file = os.path.isfile(full) and not os.path.islink(full)
        if action < 0.2:
            tree.remove(path)
        elif action < 0.3:
            tree.symlink(path, self.some_path(chance))
        elif action < 0.35:
            tree.remove(path)
            tree.directory(path)
        elif action < 0.6 and is_file:
            with open(full, "rb") as content:
                lines = content.read().splitlines(True)
            for _ in range(chance.randrange(1, 4)):
                where = chance.randrange(len(lines) + 1)
                lines[where:where + chance.randrange(3)] = [b"edit %d\n" % chance.randrange(9)] * chance.randrange(3)
            tree.file(path, b"".join(lines), chance.choice((0o644, 0o755)))
        else:
            tree.remove(path)
            tree.file(path, self.some_content(chance), chance.choice((0o644, 0o755)))

    def test_random_trees(self):
        chance = random.Random(20240229)
        for turn in range(100):
            def fill(tree):
                for _ in range(chance.randrange(20)):
                    self.change(chance, tree)
            with self.subTest(round=turn):
                workspace = self.workspace(fill)
                for _ in range(chance.randrange(1, 12)):
                    self.change(chance, workspace.tree)
                self.check(workspace)


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = Workspace(lambda tree: [
            tree.file(b"a", b"one\n"), tree.file(b"large", b"x" * 2 * TEXT_MAX)])
        cls.addClassCleanup(cls.shared.scratch.cleanup)

    def refused(self, listed, fetched=records.END, name="guest_failed"):
        done = self.shared.answers(listed, fetched)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(name.encode(), done.stderr)

    def answered(self, listed, fetched=records.END):
        return by_path(self.shared.answered(listed, fetched))

    LARGE = records.entry(b"large", size=2 * TEXT_MAX)
    LIST = records.entry(b"a", size=4) + LARGE + records.END

    def test_bad_lists(self):
        entry = records.entry
        for listed in (b"", b"junk" * 100, entry(b"a"), records.END * 2, records.END + b"x",
                       entry(b"a") * 2 + records.END, entry(b"") + records.END,
                       entry(b"../a") + records.END, entry(b"/a") + records.END, entry(b"a//b") + records.END,
                       entry(b"a\0b") + records.END, entry(b"a", kind=records.MISSING) + records.END,
                       entry(b"a", kind=records.LINK, target=b"b") + records.END,
                       entry(b"a", kind=9) + records.END, entry(b"a", size=1 << 63) + records.END,
                       entry(b"a", mode=0o4755) + records.END, records.done() + records.END,
                       records.data(0, b"x") + records.END, b"\xff" * 100000):
            self.refused(listed)
        for end in range(len(self.LIST)):
            self.refused(self.LIST[:end])

    def test_too_many_entries(self):
        listed = b"".join(records.entry(b"%d" % number) for number in range(1000001))
        self.refused(listed + records.END, name="workspace_failed")

    def test_a_list_of_strange_order(self):
        listed = [records.entry(b"z/y/x", size=2 * TEXT_MAX), records.entry(b"b/c", kind=records.DIRECTORY),
                  records.entry(b"a/b", kind=records.SYMLINK, target=b"../../../etc/passwd")]
        entries = self.answered(b"".join(listed) + records.END)
        self.assertEqual(set(entries), {"a", "large", "a/b", "b/c", "z/y/x"})

    def test_bad_fetches(self):
        entry, data, done, end = records.entry, records.data, records.done, records.END
        large = records.file(b"large", b"x" * 2 * TEXT_MAX)
        small = entry(b"a", size=4)
        good = records.file(b"a", b"one\n")
        for fetched in (b"", end, good + end, large + end, large + good + end, good + good + end,
                        good + large, good + large + good + end, good + large + end + end,
                        small + data(0, b"one\n\n") + done() + large + end,
                        small + data(0, b"one") + data(2, b"\n") + done() + large + end,
                        small + data(4, b"x") + done() + large + end,
                        small + data(1 << 62, b"x") + done() + large + end,
                        small + large + end, small + done() + done() + large + end,
                        data(0, b"x") + good + large + end, done() + good + large + end,
                        entry(b"a", size=1 << 62) + done() + large + end,
                        entry(b"a", size=1 << 62) + data(0, b"x") + done(errno.EFBIG) + large + end,
                        entry(b"a", kind=records.MISSING) + done() + large + end,
                        entry(b"a", kind=records.LINK, target=b"b") + large + end,
                        entry(b"b", size=4) + data(0, b"one\n") + done() + large + end,
                        good + entry(b"large", size=2 * TEXT_MAX + 1) + data(0, b"x" * 65536) * 40):
            self.refused(self.LIST, fetched)
        fetched = good + entry(b"large", size=9) + data(0, b"some text") + done() + end
        for cut in range(len(fetched)):
            self.refused(self.LIST, fetched[:cut])

    def test_what_was_fetched_counts(self):
        entry, done, end = records.entry, records.done, records.END
        large = records.file(b"large", b"x" * 2 * TEXT_MAX)

        def now(answer):
            return self.answered(self.LIST, answer + large + end).get("a")

        self.assertIsNone(now(records.file(b"a", b"one\n")))
        self.assertEqual(now(records.file(b"a", b"longer\n"))["size_after"], 7)
        self.assertEqual(now(entry(b"a", kind=records.MISSING))["status"], "deleted")
        self.assertEqual(now(entry(b"a", kind=records.DIRECTORY))["status"], "type_changed")
        link = now(entry(b"a", kind=records.SYMLINK, target=b"t"))
        self.assertIn("new file mode 120000", link["text_patch"])
        self.assertEqual(now(entry(b"a", kind=records.OTHER))["artifact_type"], "other")
        self.assertEqual(now(entry(b"a", size=4) + done(errno.ESTALE))["reason"], "changing")
        self.assertEqual(now(entry(b"a", size=4) + records.data(0, b"on") + done(errno.EIO))["reason"], "changing")
        self.assertEqual(now(entry(b"a", size=1 << 40) + done(errno.EFBIG))["reason"], "oversize")
        self.assertEqual(now(entry(b"a", size=9) + done())["reason"], "binary")

    def test_a_new_file_that_goes_meanwhile(self):
        listed = records.entry(b"a", size=4) + records.entry(b"new", size=4) + self.LARGE + records.END
        fetched = records.file(b"a", b"one\n") + records.file(b"large", b"x" * 2 * TEXT_MAX)
        fetched += records.entry(b"new", kind=records.MISSING) + records.END
        self.assertEqual(self.answered(listed, fetched), {})

    def test_lines_made_to_confuse(self):
        for content in CONTENTS[1:]:
            listed = records.entry(b"a", size=len(content)) + self.LARGE + records.END
            fetched = records.file(b"a", content) + records.file(b"large", b"x" * 2 * TEXT_MAX) + records.END
            if b"\0" not in content and content != b"one\n":
                self.assertIsNotNone(self.answered(listed, fetched)["a"]["text_patch"])


class Programs(Case):
    def changed(self):
        workspace = self.workspace(lambda tree: tree.file(b"a", b"one\n"))
        workspace.tree.file(b"a", b"two\n")
        return workspace

    def diff_with(self, workspace, path):
        done = run(MAKER, "diff", workspace.bundle, workspace.tree.root, workspace.at("patch"),
                   env={"PATH": path})
        self.assertEqual(set(os.listdir(workspace.bundle)), {"baseline.index", "baseline.data"})
        return done

    def test_no_diff(self):
        done = self.diff_with(self.changed(), "/nowhere")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"missing_program", done.stderr)

    def fake(self, workspace, script):
        os.mkdir(workspace.at("bin"))
        with open(workspace.at("bin/diff"), "w") as out:
            out.write("#!/bin/sh\n" + script)
        os.chmod(workspace.at("bin/diff"), 0o755)
        return self.diff_with(workspace, workspace.at("bin"))

    def test_a_diff_that_fails(self):
        self.assertIn(b"cannot compare texts", self.fake(self.changed(), "exit 2\n").stderr)

    def test_a_diff_that_says_something_else(self):
        head = "diff -a -u -r a/0000000 b/0000000\\n--- a\\n+++ b\\n"
        for output in ("", "nonsense\\n", head, head + "@@ -1 +1 @@\\n-x\\n", head + "@@ -1 +1 @@\\n-x\\n-y\\n",
                       head + "@@ -1 +1 @@\\nx\\ny\\n", head + "@@ x", "diff -r a/7 b/7\\n--- a\\n+++ b\\n@@ -1 +1 @@\\n-x\\n+y\\n"):
            done = self.fake(self.changed(), "printf -- '%s'\n" % output)
            self.assertEqual(done.returncode, 1, (output, done.stdout))

    def test_a_damaged_baseline(self):
        workspace = self.changed()
        path = os.path.join(workspace.bundle, "baseline.data")
        os.chmod(path, 0o600)
        with open(path, "r+b") as data:
            data.write(b"X")
        done = run(MAKER, "diff", workspace.bundle, workspace.tree.root, workspace.at("patch"))
        self.assertIn(b"the baseline of this workspace is damaged", done.stderr)


if __name__ == "__main__":
    unittest.main()
