#!/usr/bin/env python3
"""What a diff makes of a guest that lies, of a program diff that fails, and of a damaged baseline.

    test_diff_hostile.py DIFF_MAKER [unittest arguments]
"""

import errno
import os
import unittest

import tree_records as records
from diff_workspace import CONTENTS, Case, MAKER, TEXT_MAX, Workspace, by_path, run


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
