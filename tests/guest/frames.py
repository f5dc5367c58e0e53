"""docs/PROTOCOL.md a second time, written from the document and not from the C code: what both agree on is the protocol."""

import struct

MAGIC, VERSION, HEADER = b"PYRO", 1, struct.Struct("<4sBBHII")
READY, SETUP, SETUP_DONE, EXEC, STARTED, DATA, CREDIT, KILL, EXITED, POWEROFF = range(1, 11)
SEAL, SEALED, CLOCK = range(14, 17)
SIGNAL, RESIZE = 21, 22
CLOCK_ADJUST, CLOCK_STEP = 0, 1
STDIN, STDOUT, STDERR = 1, 2, 3
PAYLOAD_MAX = 65536
WINDOW = 262144
EXIT_CODE, EXIT_SIGNAL, EXIT_UNSTARTED = 0, 1, 2


def frame(kind, stream=0, channel=0, payload=b""):
    return HEADER.pack(MAGIC, VERSION, kind, channel, stream, len(payload)) + payload


def text(value):
    value = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<I", len(value)) + value


def vector(words):
    return struct.pack("<I", len(words)) + b"".join(text(word) for word in words)


def setup(realtime_ns, entropy, hostname, machine_id, network=None):
    mac, address, gateway, dns, prefix = network or (bytes(6), 0, 0, 0, 0)
    return frame(SETUP, payload=struct.pack("<Q", realtime_ns) + entropy + text(hostname) + text(machine_id)
                 + struct.pack("<B", network is not None) + mac + struct.pack("<IIIB", address, gateway, dns, prefix))


def execute(stream, words, environment=(), directory="", stdin=False, own=False, terminal=None, whole=False):
    flags = stdin | own << 1 | (terminal is not None) << 2 | whole << 3
    return frame(EXEC, stream, payload=struct.pack("<II", flags, 0) + vector(words) + vector(environment) + text(directory)
                 + (struct.pack("<II", *terminal) if terminal else b""))


def signal(stream, number):
    return frame(SIGNAL, stream, payload=struct.pack("<I", number))


def resize(stream, columns, rows):
    return frame(RESIZE, stream, payload=struct.pack("<II", columns, rows))


def credit(stream, channel, size):
    return frame(CREDIT, stream, channel, struct.pack("<I", size))


def clock(realtime_ns, mode):
    return frame(CLOCK, payload=struct.pack("<QB", realtime_ns, mode))


def parse_ready(payload):
    version, init_us, ready_us, length = struct.unpack_from("<IQQI", payload)
    assert len(payload) == 24 + length
    return {"version": version, "init_us": init_us, "ready_us": ready_us, "kernel": payload[24:].decode()}


def parse_setup_done(payload):
    error, length = struct.unpack_from("<II", payload)
    assert len(payload) == 8 + length
    return error, payload[8:].decode()


def parse_exited(payload):
    kind, value, duration_us = struct.unpack("<IIQ", payload)
    return kind, value, duration_us


class Decoder:
    """Bytes in, (kind, stream, channel, payload) out."""

    def __init__(self):
        self.buffer = bytearray()

    def feed(self, data):
        self.buffer += data
        while len(self.buffer) >= HEADER.size:
            magic, version, kind, channel, stream, length = HEADER.unpack_from(self.buffer)
            assert magic == MAGIC and version == VERSION and length <= PAYLOAD_MAX, "not a frame"
            if len(self.buffer) < HEADER.size + length:
                return
            payload = bytes(self.buffer[HEADER.size:HEADER.size + length])
            del self.buffer[:HEADER.size + length]
            yield kind, stream, channel, payload


# Trees
ENTRY, TREE_DATA, DONE, TIMES, RESULT, END = range(1, 7)
FILE, DIRECTORY, SYMLINK, LINK, OTHER, MISSING = range(1, 7)
ENTRY_FIELDS, RESULT_FIELDS = struct.Struct("<BIQqqQ"), struct.Struct("<IQq")


def record(kind, payload=b""):
    return struct.pack("<IB", 1 + len(payload), kind) + payload


def tree_text(value):
    return text((value if isinstance(value, bytes) else value.encode()) + b"\0")


def entry(kind, path, mode=0, size=0, mtime_ns=0, target=""):
    return record(ENTRY, ENTRY_FIELDS.pack(kind, mode, size, mtime_ns, 0, 0) + tree_text(path) + tree_text(target))


def tree_data(offset, content):
    return record(TREE_DATA, struct.pack("<Q", offset) + content)


def done(error=0):
    return record(DONE, struct.pack("<I", error))


def times(path, mode, mtime_ns):
    return record(TIMES, struct.pack("<Iq", mode, mtime_ns) + tree_text(path))


def end():
    return record(END)


def tree_file(path, content, mode=0o644, mtime_ns=0):
    runs = b"".join(tree_data(at, content[at:at + PAYLOAD_MAX]) for at in range(0, len(content), PAYLOAD_MAX))
    return entry(FILE, path, mode, len(content), mtime_ns) + runs + done()


def parse_tree_text(payload, at):
    size = int.from_bytes(payload[at:at + 4], "little")
    value = payload[at + 4:at + 4 + size]
    assert len(value) == size and value.index(0) == size - 1
    return value[:-1], at + 4 + size


def parse_entry(payload):
    kind, mode, size, mtime_ns, ctime_ns, inode = ENTRY_FIELDS.unpack_from(payload)
    path, at = parse_tree_text(payload, ENTRY_FIELDS.size)
    target, at = parse_tree_text(payload, at)
    assert at == len(payload)
    return {"kind": kind, "mode": mode, "size": size, "mtime_ns": mtime_ns, "ctime_ns": ctime_ns, "inode": inode,
            "path": path, "target": target}


def parse_tree(stream):
    """[(type, what it says)]: a dictionary of ENTRY, (offset, bytes) of DATA, the errno of DONE, a triple of RESULT."""
    found, at = [], 0
    while at < len(stream):
        length, kind = struct.unpack_from("<IB", stream, at)
        payload = bytes(stream[at + 5:at + 4 + length])
        assert len(payload) == length - 1, "a record is cut"
        at += 4 + length
        if kind == ENTRY:
            found.append((kind, parse_entry(payload)))
        elif kind == TREE_DATA:
            found.append((kind, (int.from_bytes(payload[:8], "little"), payload[8:])))
        elif kind == DONE:
            found.append((kind, int.from_bytes(payload, "little")))
        elif kind == RESULT:
            found.append((kind, RESULT_FIELDS.unpack(payload)))
        else:
            assert kind == END and not payload
            found.append((kind, None))
    return found
