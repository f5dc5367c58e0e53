#!/usr/bin/env python3
"""The ext4 writer against its input: an archive with awkward entries is written as an image, read
back with debugfs and e2fsck, and must say what the archive said. Hostile archives must be refused.

    test_ext4_image.py IMAGE_WRITER [unittest arguments]
"""

import os
import subprocess
import sys
import tempfile
import unittest

import pax
from ext4_reader import Image

WRITER = sys.argv.pop(1) if len(sys.argv) > 1 else "image_writer"
CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")
PATTERN = bytes(range(256)) * 5000


def run_writer(archive, scratch):
    tar, image = os.path.join(scratch, "in.tar"), os.path.join(scratch, "out.ext4")
    with open(tar, "wb") as file:
        file.write(archive)
    if os.path.exists(image):
        os.unlink(image)
    done = subprocess.run([WRITER, tar, image], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=300)
    return done.returncode, done.stderr.decode(errors="replace"), image


class Expected:
    """An archive, and what the image of it must hold, written down side by side."""

    def __init__(self):
        self.members, self.entries = [], {}

    def add(self, path, kind, type_name, data=b"", pax_records=None, **fields):
        records = dict(pax_records or {})
        mtime, mtime_ns = fields.pop("mtime", 1700000000), fields.pop("mtime_ns", 0)
        if mtime_ns or mtime < 0 or mtime > 0o77777777777:
            whole = b"%d" % mtime
            records[b"mtime"] = whole + (b".%09d" % mtime_ns if mtime_ns else b"")
        self.members.append(pax.member(b"./" + path, data, pax=records, kind=kind, mtime=mtime,
                                       **fields))
        self.entries[path] = {"type": type_name, "mode": fields.get("mode", 0o644),
                              "uid": fields.get("uid", 0), "gid": fields.get("gid", 0),
                              "mtime": mtime, "mtime_ns": mtime_ns}
        return self.entries[path]

    def file(self, path, data=b"", **fields):
        entry = self.add(path, b"0", "regular", data, **fields)
        entry.update(size=len(data), data=data, links=1)
        return entry

    def directory(self, path, **fields):
        fields.setdefault("mode", 0o755)
        return self.add(path, b"5", "directory", **fields)

    def symlink(self, path, target):
        entry = self.add(path, b"2", "symlink", link=target, mode=0o777)
        entry.update(size=len(target), link_target=target)

    def device(self, path, kind, type_name, number):
        entry = self.add(path, kind, type_name, device=number)
        entry.update(device=number)

    def hard_link(self, path, target):
        self.members.append(pax.member(b"./" + path, kind=b"1", link=b"./" + target))
        self.entries[target]["links"] += 1
        self.entries[path] = self.entries[target]

    def archive(self):
        return b"".join(self.members) + pax.END


def awkward():
    expected = Expected()
    expected.directory(b"plain", mode=0o1777, uid=1000, gid=100, mtime_ns=123456789)
    expected.file(b"plain/empty")
    expected.file(b"plain/one", b"1")
    expected.file(b"plain/block", b"b" * 4096)
    expected.file(b"plain/large", PATTERN + b"end", mode=0o600)
    expected.file(b"plain/set-id", b"x", mode=0o6755, uid=5)
    expected.file(b"plain/huge-owner", uid=4000000000, gid=70000)
    expected.file(b"plain/before-1970", mtime=-1234567890, mtime_ns=0)
    expected.file(b"plain/after-2038", mtime=5000000000, mtime_ns=999999999)
    expected.file(b"plain/" + b"n" * 255, b"long name")
    expected.file(b"plain/\xff\xfe latin \xe9", b"not UTF-8")
    expected.file("plain/F\u0151tan\u00fas\u00edtv\u00e1ny".encode(), b"UTF-8")
    expected.file("plain/decomposed e\u0301 as it is".encode() + b"n" * 100, b"no normal form")
    deep = b"/".join([b"d" * 100] * 8)
    for depth in range(8):
        expected.directory(deep[:101 * depth + 100])
    expected.file(deep + b"/leaf", b"deep")
    expected.directory(b"links")
    expected.symlink(b"links/fast", b"../plain/one")
    expected.symlink(b"links/fast-59", b"t" * 59)
    expected.symlink(b"links/slow-60", b"t" * 60)
    expected.symlink(b"links/slow", b"/".join([b"somewhere"] * 100))
    expected.symlink(b"links/bytes", b"\xff\xc3\xa9")
    expected.hard_link(b"links/hard", b"plain/one")
    expected.hard_link(b"links/hard-too", b"plain/one")
    expected.directory(b"dev")
    expected.device(b"dev/null", b"3", "character special", (1, 3))
    expected.device(b"dev/disk", b"4", "block special", (8, 17))
    expected.device(b"dev/far", b"3", "character special", (300, 70000))
    expected.add(b"dev/fifo", b"6", "FIFO")
    expected.file(b"plain/ping", b"elf", mode=0o755,
                  pax_records={b"SCHILY.xattr.security.capability": CAPABILITY})
    expected.file(b"plain/xattrs", b"x", pax_records={
        b"SCHILY.xattr.user.small": b"v", b"SCHILY.xattr.user.large": b"L" * 3000})
    expected.entries[b"plain/ping"]["xattrs"] = {b"security.capability": CAPABILITY}
    expected.entries[b"plain/xattrs"]["xattrs"] = {b"user.small": b"v", b"user.large": b"L" * 3000}
    expected.directory(b"many")
    for number in range(5000):
        expected.file(b"many/file-%05d" % number)
    return expected


class Differential(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.expected = awkward()
        runs = [(0, b"head" * 1024), (5 << 20, PATTERN[:70000]), ((3 << 30) - 10, b"0123456789")]
        cls.members = cls.expected.members + [
            pax.sparse(b"./sparse", 3 << 30, runs), pax.member(b"implied/parents/file", b"i")]
        code, message, path = run_writer(b"".join(cls.members) + pax.END, cls.scratch.name)
        assert code == 0, message
        cls.runs = runs
        cls.image = Image(path, cls.scratch.name)
        cls.names = cls.image.names()
        cls.facts = cls.image.stat(cls.names.values())

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def test_fsck(self):
        done = subprocess.run(["e2fsck", "-fn", self.image.path], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout.decode(errors="replace"))

    def test_names(self):
        extra = {b"", b"lost+found", b"sparse", b"implied", b"implied/parents",
                 b"implied/parents/file"}
        self.assertEqual(set(self.names), set(self.expected.entries) | extra)

    def test_attributes(self):
        for path, entry in self.expected.entries.items():
            facts = self.facts[self.names[path]]
            for key in "type", "mode", "uid", "gid", "mtime", "mtime_ns", "size", "links", "device":
                if key in entry:
                    self.assertEqual(facts[key], entry[key], (path, key))

    def test_data(self):
        wanted = {self.names[path]: entry["data"] for path, entry in self.expected.entries.items()
                  if entry.get("data")}
        self.assertEqual(self.image.data(wanted), wanted)

    def test_symlinks(self):
        for path, entry in self.expected.entries.items():
            target = entry.get("link_target")
            if target is None:
                continue
            inode = self.names[path]
            self.assertEqual(self.facts[inode]["target"] is None, len(target) >= 60, path)
            self.assertEqual(self.image.ask([b"cat <%d>" % inode])[0] if len(target) >= 60
                             else self.facts[inode]["target"], target)

    def test_hard_links_share_an_inode(self):
        self.assertEqual(self.names[b"links/hard"], self.names[b"plain/one"])
        self.assertEqual(self.names[b"links/hard-too"], self.names[b"plain/one"])

    def test_xattrs(self):
        for path, entry in self.expected.entries.items():
            for name, value in entry.get("xattrs", {}).items():
                self.assertEqual(self.image.xattr(self.names[path], name), value)

    def test_sparse(self):
        facts = self.facts[self.names[b"sparse"]]
        self.assertEqual(facts["size"], 3 << 30)
        self.assertLess(facts["blocks"] * 512, 200000)
        place = os.path.join(self.scratch.name, "sparse")
        self.image.ask([b"dump <%d> %s" % (self.names[b"sparse"], place.encode())])
        with open(place, "rb") as file:
            for offset, data in self.runs:
                file.seek(offset)
                self.assertEqual(file.read(len(data)), data)
                self.assertEqual(file.read(100), b"\0" * min(100, (3 << 30) - offset - len(data)))


class Hostile(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)

    def refused(self, *members, says=""):
        code, message, _ = run_writer(b"".join(members) + pax.END, self.scratch.name)
        self.assertEqual(code, 1, message)
        self.assertIn(says, message)

    def test_names_that_lead_out(self):
        self.refused(pax.member(b"/etc/passwd", b"x"), says="absolute name")
        self.refused(pax.member(b"a/../../b", b"x"), says='".."')
        self.refused(pax.member(b".."), says='".."')
        self.refused(pax.member(b"n" * 256), says="too long")
        self.refused(pax.member(b"/".join([b"n" * 200] * 30)), says="too long")

    def test_below_a_symlink(self):
        self.refused(pax.member(b"out", kind=b"2", link=b"/tmp"), pax.member(b"out/file", b"x"),
                     says="not a directory")
        self.refused(pax.member(b"file", b"x"), pax.member(b"file/file"), says="not a directory")

    def test_bad_links(self):
        self.refused(pax.member(b"a", kind=b"1", link=b"b"), says="not there")
        self.refused(pax.member(b"a", kind=b"1", link=b"../../b"), says='".."')
        self.refused(pax.member(b"d", kind=b"5"), pax.member(b"a", kind=b"1", link=b"d"),
                     says="cannot have")
        self.refused(pax.member(b"a", kind=b"2", link=b"t" * 4096), says="too long")

    def test_names_that_occur_twice(self):
        self.refused(pax.member(b"a", b"1"), pax.member(b"./a", b"2"), says="twice")
        self.refused(pax.member(b"a", b"1"), pax.member(b"a", kind=b"5"), says="twice")
        self.refused(pax.member(b"lost+found", b"1"), says="twice")

    def test_impossible_sizes(self):
        self.refused(pax.member(b"a", pax={b"size": b"9223372036854775807"}))
        self.refused(pax.member(b"a", size=1 << 32))
        self.refused(pax.member(b"a", pax={b"size": b"-1"}))
        self.refused(pax.sparse(b"a", 1 << 60, [(0, b"x")]))
        self.refused(pax.sparse(b"a", 10, [(0, b"x" * 4096)]))
        self.refused(pax.member(b"a", uid=1 << 40), says="owner")

    def test_too_much_for_a_disk(self):
        runs = [(0, b"x")]
        whole = b"".join(pax.sparse(b"f%d" % number, 15 << 30, runs) for number in range(4))
        code, message, _ = run_writer(whole + pax.END, self.scratch.name)
        self.assertEqual(code, 0, message)  # holes take no room

    def test_bad_xattrs(self):
        self.refused(pax.member(b"a", pax={b"SCHILY.xattr.nonsense": b"x"}))
        self.refused(pax.member(b"a", pax={b"SCHILY.xattr.user.big": b"x" * 100000}))

    def test_root_must_be_a_directory(self):
        self.refused(pax.member(b".", kind=b"2", link=b"x"), says="root")

    def test_cut_anywhere(self):
        expected = Expected()
        expected.directory(b"d")
        expected.file(b"d/file", b"data" * 400, pax_records={b"SCHILY.xattr.user.a": b"b"})
        expected.symlink(b"d/link", b"t" * 150)
        expected.hard_link(b"d/hard", b"d/file")
        archive = expected.archive()
        for end in list(range(0, len(archive), 512)) + list(range(1, len(archive), 211)):
            code, message, _ = run_writer(archive[:end], self.scratch.name)
            self.assertEqual(code, 1, (end, message))

    def test_not_an_archive(self):
        for junk in b"", b"x", b"\0" * 512, os.urandom(20000):
            code, message, _ = run_writer(junk, self.scratch.name)
            self.assertEqual(code, 1, message)

    def test_flipped_bytes_do_no_harm(self):
        archive = bytearray(awkward().archive()[:60000] + pax.END)
        for place in range(0, 20000, 97):
            damaged = bytearray(archive)
            damaged[place] ^= 0xff
            code, message, _ = run_writer(bytes(damaged), self.scratch.name)
            self.assertIn(code, (0, 1), message)


if __name__ == "__main__":
    unittest.main()
