#!/usr/bin/env python3
"""What `pyro workspace diff` says of a tree, against what git says, and against what comes out when
its patches are applied.

    test_diff.py DIFF_MAKER [unittest arguments]
"""

import os
import random
import unittest

from diff_workspace import AWKWARD, CONTENTS, Checks, TEXT_MAX, by_path


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
            for number in range(1000):
                tree.file(b"%02d/%d" % (number % 50, number), b"some\ntext %d\n" % number)
        workspace = self.workspace(fill)
        for number in range(0, 1000, 2):
            workspace.tree.file(b"%02d/%d" % (number % 50, number), b"some\nother text %d\n" % number)
        for number in range(1, 1000, 2):
            os.utime(workspace.tree.at(b"%02d/%d" % (number % 50, number)))
        result = self.check(workspace)
        self.assertEqual(result["summary"]["modified"], 500)
        print("# 500 of 1000 files modified, the rest touched: %d ms" % workspace.milliseconds)

    def test_many_untouched_files(self):
        def fill(tree):
            for number in range(3000):
                tree.file(b"%02d/%d" % (number % 50, number), b"x")
        workspace = self.workspace(fill)
        self.assertFalse(workspace.diff()["changed"])
        print("# 3000 files untouched: %d ms" % workspace.milliseconds)


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


if __name__ == "__main__":
    unittest.main()
