"""A stand-in for a model's server, for the tests of `pyro demo ollama`: it speaks the protocol (OpenAI's chat completions
as Ollama serves them) as a server does, and says what a test wrote down instead of what a model would.

Each request is checked as Ollama's and llama.cpp's servers check it; what is wrong with one is told as a status of 400, and
kept in `problems`.
"""

import http.server
import json
import threading


def call(arguments, name="vm_run", **more):
    """A message in which the model calls a function."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    function = {"name": name, "arguments": text}
    return {"role": "assistant", "content": None, "tool_calls": [{"id": "call_x", "type": "function", "function": function, **more}]}


def say(text):
    return {"role": "assistant", "content": text}


def problem_of(request):
    """Why a server would refuse the request, or None."""
    if not isinstance(request.get("model"), str) or not isinstance(request.get("messages"), list):
        return "model and messages are required"
    if request.get("stream") is not False:
        return "this stand-in does not stream"
    for tool in request.get("tools", []):
        if tool["type"] != "function" or tool["function"]["parameters"]["type"] != "object":
            return "invalid tool"
    open_calls = []
    for message in request["messages"]:
        if message["role"] == "tool":
            if message.get("tool_call_id") not in open_calls:
                return "a tool's message answers no call"
            open_calls.remove(message["tool_call_id"])
            json.loads(message["content"])
        elif open_calls:
            return "a call has no answer"
        for made in message.get("tool_calls", []):
            if not isinstance(json.loads(made["function"]["arguments"]), dict):
                return "invalid tool call arguments"
            open_calls.append(made["id"])
        if message["role"] not in ("system", "user", "assistant", "tool") or not isinstance(message["content"], str):
            return "invalid message"
    return "a call has no answer" if open_calls else None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, value):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def fail(self, status, message):
        self.send(status, {"error": {"message": message, "type": "api_error", "param": None, "code": None}})

    def do_GET(self):
        if self.path != "/v1/models":
            return self.send(404, b"404 page not found")
        models = [{"id": name, "object": "model", "created": 0, "owned_by": "library"} for name in self.server.models]
        self.send(200, {"object": "list", "data": models})

    def do_POST(self):
        server = self.server
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/chat/completions" or self.headers["Content-Type"] != "application/json":
            return self.send(404, b"404 page not found")
        server.requests.append(request)
        problem = problem_of(request)
        if problem:
            server.problems.append(problem)
            return self.fail(400, problem)
        if request["model"] not in server.models:
            return self.fail(404, f'model "{request["model"]}" not found, try pulling it first')
        answer = server.script[min(len(server.requests), len(server.script)) - 1]
        if callable(answer):
            return answer(self)
        reason = "tool_calls" if answer.get("tool_calls") else "stop"
        self.send(200, {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": request["model"],
            "choices": [{"index": 0, "message": answer, "finish_reason": reason}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        })  # fmt: skip


class StandIn(http.server.ThreadingHTTPServer):
    """Says `script` line by line, its last line for ever: messages, or functions that take the handler and answer."""

    daemon_threads = True

    def __init__(self, *script, models=("stand-in",)):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script, self.models, self.requests, self.problems = script, models, [], []
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.closing = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.shutdown()
        self.server_close()
