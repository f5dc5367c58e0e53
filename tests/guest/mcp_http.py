"""A small MCP client over HTTP: http.client and bare sockets, so that it can also do what no client should."""

import contextlib
import http.client
import json
import select
import socket
import time

import pytest
from mcp_client import META, VERSION

JSON = {"Content-Type": "application/json"}
BOTH = {**JSON, "Accept": "application/json, text/event-stream"}


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Server:
    """`pyro mcp serve --http`, and requests to it."""

    def __init__(self, pyro, *words, where="127.0.0.1:0", spare_seconds=0, **keywords):
        words += ("--spare-seconds", str(spare_seconds))
        self.process = pyro.popen("mcp", "serve", "--http", where, *words, bufsize=0, **keywords)
        self.said, self.headers = [], {}
        self.url = self.wait_for("listening on ").strip()
        if self.url.startswith("http://"):
            host, port = self.url.removeprefix("http://").removesuffix("/mcp").rsplit(":", 1)
            self.address = (host.strip("[]"), int(port))

    def wait_for(self, words, seconds=20):
        """What follows the words in a line of stderr."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if select.select([self.process.stderr], [], [], 0.2)[0]:
                line = self.process.stderr.readline().decode()
                self.said.append(line)
                if words in line:
                    return line.split(words, 1)[1]
                if not line:
                    break
        pytest.fail(f"no '{words}' on stderr, only {self.said}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()

    def connect(self):
        if self.url.startswith("unix:"):
            return UnixConnection(self.url.removeprefix("unix:"))
        return http.client.HTTPConnection(*self.address, timeout=60)

    def raw(self, data=b"", seconds=60):
        """A bare connection that has sent that."""
        connection = socket.create_connection(self.address, timeout=seconds)
        connection.sendall(data)
        return connection

    def http(self, method="POST", path="/mcp", body=b"", headers=BOTH):
        """Status, header fields, body."""
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, body, {**headers, **self.headers})
            response = connection.getresponse()
            return response.status, response.headers, response.read()

    def post(self, message, headers=BOTH):
        status, fields, body = self.http(body=json.dumps(message).encode(), headers=headers)
        return status, fields, json.loads(body) if body else None

    def legacy(self, method, id=1, headers=BOTH, **params):
        """The reply, which is JSON."""
        status, _, reply = self.post(request(method, id, params), headers)
        assert status == 200 and reply["id"] == id, (status, reply)
        return reply

    def modern(self, method, id=1, meta=META, fields=None, **params):
        """Status and reply of a request with all the fields it must have, but for `fields` (None: without)."""
        params["_meta"] = meta
        wanted = {**BOTH, "MCP-Protocol-Version": meta.get(VERSION, "2026-07-28"), "Mcp-Method": method,
                  "Mcp-Name": params.get("name"), **(fields or {})}  # fmt: skip
        wanted = {name: value for name, value in wanted.items() if value is not None}
        status, _, reply = self.post(request(method, id, params), wanted)
        return status, reply

    def begin(self, tool, arguments, era="legacy", token="t", headers=None):
        """Calls a tool; the connection, whose answer is still to come."""
        params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": token}}
        fields = dict(BOTH)
        if era == "modern":
            params["_meta"].update(META)
            fields.update({"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": tool})
        connection = self.connect()
        connection.timeout = 120
        connection.request("POST", "/mcp", json.dumps(request("tools/call", "c", params)).encode(),
                           {**fields, **self.headers, **(headers or {})})  # fmt: skip
        return connection

    def stop(self, number, seconds=2.5):
        """Sends the signal; the exit status, and what was left on stdout."""
        self.process.send_signal(number)
        status = self.process.wait(seconds)
        return status, self.process.stdout.read()


def request(method, id, params):
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


def events(response):
    """The messages of an event stream, as they come."""
    assert response.status == 200 and response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["X-Accel-Buffering"] == "no" and response.headers["Cache-Control"] == "no-cache"
    while line := response.readline():
        if line.startswith(b"data: "):
            yield json.loads(line[6:])
        else:
            assert line in (b"\n", b"event: message\n") or line.startswith(b":"), line


def wait_closed(connection, seconds):
    """What comes until the server ends the connection."""
    connection.settimeout(seconds)
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while got := connection.recv(1 << 16):
            data += got
    connection.close()
    return data
