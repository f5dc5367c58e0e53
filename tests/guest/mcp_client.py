"""A small MCP client over pipes, which shows what a server really sends."""

import json
import os
import select
import time

import pytest

VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
META = {VERSION: "2026-07-28", CAPABILITIES: {}}


class Client:
    def __init__(self, pyro, *words, spare_seconds=0, **keywords):
        """Without spares, which would take a tenth of a second of each guest for a second one."""
        words += ("--spare-seconds", str(spare_seconds))
        self.process = pyro.popen("mcp", "serve", *words, stdin=-1, bufsize=0, **keywords)
        self.pending, self.last_id = b"", 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()

    def write(self, data):
        while data:
            data = data[os.write(self.process.stdin.fileno(), data) :]

    def send(self, message):
        self.write(json.dumps(message).encode() + b"\n")

    def line(self, seconds=30):
        """The next message; None at the end."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self.pending:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                pytest.fail(f"no message within {seconds} s, only {self.pending[:200]!r}")
            got = os.read(self.process.stdout.fileno(), 1 << 16)
            if not got:
                assert self.pending == b"", "half a line at the end"
                return None
            self.pending += got
        line, self.pending = self.pending.split(b"\n", 1)
        return json.loads(line)

    def request(self, method, id=None, meta=None, **params):
        """Sends it; its id."""
        self.last_id += 1
        id = self.last_id if id is None else id
        if meta is not None:
            params["_meta"] = meta
        self.send({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
        return id

    def ask(self, method, **keywords):
        """The reply, which is the next message."""
        id = self.request(method, **keywords)
        reply = self.line()
        assert reply["id"] == id and type(reply["id"]) is type(id), reply
        return reply

    def call(self, tool, meta=None, **arguments):
        result = self.ask("tools/call", name=tool, arguments=arguments, meta=meta)["result"]
        if "isError" not in result:
            assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
        return result

    def call_error(self, tool, **arguments):
        """The error of a call. It has no structure, which some clients would compare with the output schema."""
        result = self.call(tool, **arguments)
        assert result["isError"] is True and "structuredContent" not in result
        return json.loads(result["content"][0]["text"])["error"]

    def notify(self, method, **params):
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def end(self):
        """Closes stdin; what still comes, and the exit status."""
        self.process.stdin.close()
        messages = []
        while (message := self.line(5)) is not None:
            messages.append(message)
        return messages, self.process.wait(5)
