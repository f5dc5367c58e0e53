"""The tools of pyro for an agent's loop: their schemas and their calls, both by the MCP server.

agent_anthropic.py and agent_openai.py use it. The server checks what a model asks for (docs/SECURITY.md): no paths of
this host outside of the directory that it was started in, no way around the guest.
"""

import json
import subprocess


class Tools:
    """The server as a child process, for a `with` block. One message a line, one question at a time."""

    def __enter__(self):
        self.server = subprocess.Popen(
            ["pyro", "mcp", "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        client = {"name": "example", "version": "1"}
        self._ask("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=client)
        return self

    def __exit__(self, *exception):
        self.server.stdin.close()
        self.server.wait()

    def _ask(self, method, **params):
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        self.server.stdin.write(json.dumps(message) + "\n")
        self.server.stdin.flush()
        return json.loads(self.server.stdout.readline())

    def list(self, *names):
        """Name, description and inputSchema of these tools, as pyro's operation table has them."""
        tools = {tool["name"]: tool for tool in self._ask("tools/list")["result"]["tools"]}
        return [tools[name] for name in names]

    def call(self, name, arguments):
        """The result as text for the model, and whether it is an error. Errors say what to do next."""
        reply = self._ask("tools/call", name=name, arguments=arguments)
        if "error" in reply:
            return reply["error"]["message"], True
        result = reply["result"]
        return result["content"][0]["text"], result.get("isError", False)
