"""Reads an ext4 image back with debugfs, which shares no code with what wrote it but the library."""

import os
import re
import subprocess


class Image:
    def __init__(self, path, scratch):
        self.path = path
        self.scratch = scratch

    def ask(self, requests):
        """Runs debugfs requests in one go and returns the answer to each."""
        script = os.path.join(self.scratch, "requests")
        with open(script, "wb") as file:
            file.write(b"".join(request + b"\n" for request in requests))
        done = subprocess.run(["debugfs", "-f", script, self.path], check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        answers = re.split(rb"^debugfs: .*\n", done.stdout, flags=re.MULTILINE)
        assert len(answers) == len(requests) + 1, done.stderr
        return answers[1:]

    def names(self):
        """Every path of the tree with its inode number."""
        found, directories = {b"": 2}, {b"": 2}
        while directories:
            answers = self.ask([b"ls -p <%d>" % inode for inode in directories.values()])
            below = {}
            for directory, answer in zip(directories, answers):
                for line in answer.split(b"/\n"):
                    parts = line.lstrip(b"\n").split(b"/")
                    if len(parts) < 6 or parts[5] in (b".", b".."):
                        continue
                    path = directory + b"/" + parts[5] if directory else parts[5]
                    found[path] = int(parts[1])
                    if int(parts[2], 8) >> 12 == 0o4:
                        below[path] = int(parts[1])
            directories = below
        return found

    def stat(self, inodes):
        """What each inode says, by number."""
        inodes = sorted(set(inodes))
        answers = self.ask([b"stat <%d>" % inode for inode in inodes])
        return {inode: _parse(answer) for inode, answer in zip(inodes, answers)}

    def data(self, inodes):
        """The data of each inode, by number."""
        inodes = sorted(set(inodes))
        place = os.path.join(self.scratch, "data-%d")
        self.ask([b"dump <%d> %s" % (inode, (place % inode).encode()) for inode in inodes])
        found = {}
        for inode in inodes:
            with open(place % inode, "rb") as file:
                found[inode] = file.read()
            os.unlink(place % inode)
        return found

    def xattr(self, inode, name):
        place = os.path.join(self.scratch, "xattr")
        self.ask([b"ea_get -f %s <%d> %s" % (place.encode(), inode, name)])
        with open(place, "rb") as file:
            return file.read()


def _parse(text):
    def number(pattern, base=10):
        match = re.search(pattern, text)
        return int(match.group(1), base) if match else None

    seconds, extra = (int(part, 16) for part in
                      re.search(rb"mtime: 0x([0-9a-f]+):([0-9a-f]+)", text).groups())
    seconds -= (seconds & 0x80000000) << 1
    device = re.search(rb"Device major/minor number: ([0-9]+):([0-9]+)", text)
    link = re.search(rb'Fast link dest: "(.*)"', text)
    return {
        "type": re.search(rb"Type: (\S+( special)?)", text).group(1).decode(),
        "mode": number(rb"Mode:\s+([0-7]+)", 8),
        "uid": number(rb"User:\s+(-?\d+)") & 0xffffffff,
        "gid": number(rb"Group:\s+(-?\d+)") & 0xffffffff,
        "size": number(rb"Size: (\d+)"),
        "links": number(rb"Links: (\d+)"),
        "blocks": number(rb"Blockcount: (\d+)"),
        "mtime": seconds + ((extra & 3) << 32),
        "mtime_ns": extra >> 2,
        "device": tuple(int(part) for part in device.groups()) if device else None,
        "target": link.group(1) if link else None,
    }
