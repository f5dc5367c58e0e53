"""Records of file trees, packed as docs/PROTOCOL.md, "Trees", has them: for guests that lie."""

import struct

FILE, DIRECTORY, SYMLINK, LINK, OTHER, MISSING = range(1, 7)
END = struct.pack("<IB", 1, 6)


def record(kind, payload):
    return struct.pack("<IB", len(payload) + 1, kind) + payload


def text(value):
    return struct.pack("<I", len(value) + 1) + value + b"\0"


def entry(path, kind=FILE, size=0, mode=0o644, target=b"", mtime=1, ctime=1, inode=0):
    return record(1, struct.pack("<BIQqqQ", kind, mode, size, mtime, ctime, inode) + text(path)
                  + text(target))


def data(offset, content):
    return record(2, struct.pack("<Q", offset) + content)


def done(error=0):
    return record(3, struct.pack("<I", error))


def file(path, content, **fields):
    whole = entry(path, size=len(content), **fields)
    for offset in range(0, len(content), 65536):
        whole += data(offset, content[offset:offset + 65536])
    return whole + done()
