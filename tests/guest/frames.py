"""docs/PROTOCOL.md a second time, written from the document and not from the C code: what both agree on is the protocol."""

import struct

MAGIC, VERSION, HEADER = b"PYRO", 1, struct.Struct("<4sBBHII")
READY, SETUP, SETUP_DONE, EXEC, STARTED, DATA, CREDIT, KILL, EXITED, POWEROFF = range(1, 11)
SEAL, SEALED, CLOCK = range(14, 17)
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


def execute(stream, words, environment=(), directory="", stdin=False):
    return frame(EXEC, stream, payload=struct.pack("<II", int(stdin), 0) + vector(words) + vector(environment)
                 + text(directory))


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
