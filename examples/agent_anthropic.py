"""An agent's loop with the tool format of Anthropic's Messages API.

    python examples/agent_anthropic.py

There is no network here: ScriptedModel stands for the model and says what is written in it. With the client library
of Anthropic, `model.create(…)` is `client.messages.create(model=…, max_tokens=…, …)`, whose answer has attributes.
"""

import json

from mcp_tools import Tools


class ScriptedModel:
    """Asks for an environment that is not there, mends that, and tells what it has seen."""

    def create(self, tools, messages):
        results = [m["content"][0] for m in messages if isinstance(m["content"], list) and m["role"] == "user"]
        if len(results) < 2:
            environment = "debian:12-base" if results and results[0]["is_error"] else "debian:12-bse"
            wish = {"environment": environment, "command": "cat /etc/debian_version"}
            use = {"type": "tool_use", "id": f"toolu_{len(messages)}", "name": "vm_run", "input": wish}
            return {"role": "assistant", "stop_reason": "tool_use", "content": [use]}
        version = json.loads(results[-1]["content"])["stdout"].strip()
        answer = {"type": "text", "text": f"The guest runs Debian {version}."}
        return {"role": "assistant", "stop_reason": "end_turn", "content": [answer]}


def run(model, tools, question):
    offered = [
        {"name": tool["name"], "description": tool["description"], "input_schema": tool["inputSchema"]}
        for tool in tools.list("vm_run")
    ]
    messages = [{"role": "user", "content": question}]
    while True:
        reply = model.create(tools=offered, messages=messages)
        messages.append({"role": "assistant", "content": reply["content"]})
        if reply["stop_reason"] != "tool_use":
            return "".join(block["text"] for block in reply["content"] if block["type"] == "text")
        results = []
        for block in reply["content"]:
            if block["type"] == "tool_use":
                print(block["name"], json.dumps(block["input"]))
                text, failed = tools.call(block["name"], block["input"])
                results.append(
                    {"type": "tool_result", "tool_use_id": block["id"], "content": text, "is_error": failed}
                )
        messages.append({"role": "user", "content": results})


with Tools() as tools:
    print(run(ScriptedModel(), tools, "Which Debian is in the guest?"))
