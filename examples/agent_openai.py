"""An agent's loop with the tool format of OpenAI's chat completions, which many servers of local models have too.

    python examples/agent_openai.py

There is no network here: ScriptedModel stands for the model and says what is written in it. With the client library
of OpenAI, `model.create(…)` is `client.chat.completions.create(model=…, …).choices[0].message`, which has attributes.
"""

import json

from mcp_tools import Tools


class ScriptedModel:
    """Asks for an environment that is not there, mends that, and tells what it has seen."""

    def create(self, tools, messages):
        results = [message["content"] for message in messages if message["role"] == "tool"]
        if len(results) < 2:
            environment = "debian:12-base" if results and "error" in json.loads(results[0]) else "debian:12-bse"
            wish = json.dumps({"environment": environment, "command": "cat /etc/debian_version"})
            call = {"id": f"call_{len(messages)}", "type": "function", "function": {"name": "vm_run", "arguments": wish}}
            return {"role": "assistant", "content": None, "tool_calls": [call]}
        version = json.loads(results[-1])["stdout"].strip()
        return {"role": "assistant", "content": f"The guest runs Debian {version}."}


def run(model, tools, question):
    offered = [
        {
            "type": "function",
            "function": {"name": tool["name"], "description": tool["description"], "parameters": tool["inputSchema"]},
        }
        for tool in tools.list("vm_run")
    ]
    messages = [{"role": "user", "content": question}]
    while True:
        reply = model.create(tools=offered, messages=messages)
        messages.append(reply)
        if not reply.get("tool_calls"):
            return reply["content"]
        for call in reply["tool_calls"]:
            name, arguments = call["function"]["name"], call["function"]["arguments"]
            print(name, arguments)
            try:
                text, _ = tools.call(name, json.loads(arguments))
            except json.JSONDecodeError as error:
                text = json.dumps({"error": f"the arguments are no JSON: {error}"})
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": text})


with Tools() as tools:
    print(run(ScriptedModel(), tools, "Which Debian is in the guest?"))
