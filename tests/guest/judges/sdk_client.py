"""The official Python SDK's client: sdk_client.py ERA SERVER, in a directory with a `seed`; the server is a program or a
URL. Prints what it saw as JSON.

It validates results against output schemas by itself, and raises what does not fit.
"""

import asyncio
import json
import logging
import os
import pathlib
import sys

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

ERA, SERVER = sys.argv[1:]
STORY = json.loads((pathlib.Path(__file__).parent / "story.json").read_text())
RUNNING = "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'sleep 432[1]'"
complaints = []


class Complaints(logging.Handler):
    def emit(self, record):
        complaints.append(record.getMessage())


def filled(value, kept):
    if isinstance(value, dict):
        return {name: filled(member, kept) for name, member in value.items()}
    return kept[value[1:]] if isinstance(value, str) and value.startswith("$") else value


async def step(client, kept, tool, arguments=None, error=None, expect=(), keep=()):
    result = await client.call_tool(tool, filled(arguments, kept))
    if error:
        assert result.is_error and json.loads(result.content[0].text)["error"]["code"] == error, (tool, result)
        return
    assert not result.is_error, (tool, result)
    structured = result.structured_content
    assert json.loads(result.content[0].text) == structured
    assert all(structured[name] == value for name, value in dict(expect).items()), (tool, structured)
    kept.update({name: structured[name] for name in keep})


async def run(client, workspace, command, **keywords):
    result = await client.call_tool("workspace_exec", {**workspace, "command": command}, **keywords)
    assert not result.is_error, result
    return result.structured_content["stdout"]


async def progress(client, workspace):
    seen = []

    async def on_progress(progress, total, message):
        seen.append((progress, message))

    await run(client, workspace, "for i in 1 2 3; do echo line $i; sleep 1.1; done", progress_callback=on_progress)
    assert [n for n, _ in seen] == sorted({n for n, _ in seen}), seen
    assert any(message.startswith("line") for _, message in seen), seen
    return len(seen)


async def is_running(client, workspace, wanted):
    for _ in range(100):
        if (await run(client, workspace, RUNNING) == "0\n") != wanted:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"the command is {'not ' if wanted else ''}running")


async def cancel(client, workspace):
    """Others are answered while a command runs; then it is gone from the guest."""
    call = asyncio.create_task(run(client, workspace, "sleep 4321"))
    await is_running(client, workspace, True)
    if ERA == "legacy":
        await client.send_ping()
    assert not call.done()
    call.cancel()
    await is_running(client, workspace, False)


async def ping(client):
    call = asyncio.create_task(
        client.call_tool("vm_run", {"environment": "debian:12-base", "mem_mib": 256, "command": "sleep 2"})
    )
    while not call.done():
        await (client.send_ping() if ERA == "legacy" else client.call_tool("vm_list_environments", {}))
        await asyncio.sleep(0.1)
    assert (await call).structured_content["exit_code"] == 0


async def at_once(client, workspace):
    calls = [run(client, workspace, f"sleep 0.{9 - i}; echo {i}") for i in range(8)]
    assert await asyncio.gather(*calls) == [f"{i}\n" for i in range(8)]


async def main():
    logging.getLogger().addHandler(Complaints(logging.WARNING))
    program = StdioServerParameters(command=SERVER, args=["mcp", "serve"], env=dict(os.environ))
    server = SERVER if SERVER.startswith("http://") else stdio_client(program)
    mode = "2026-07-28" if ERA == "modern" else ERA
    async with Client(server, mode=mode) as client:
        listed = [tool.name for tool in (await client.list_tools()).tools]
        kept = {"output_path": "out"}
        try:
            for one in STORY:
                await step(client, kept, **one)
            workspace = {"workspace_id": kept["workspace_id"]}
            await ping(client)
            count = await progress(client, workspace)
            await cancel(client, workspace)
            await at_once(client, workspace)
        finally:
            if "workspace_id" in kept:
                await client.call_tool("workspace_delete", {"workspace_id": kept["workspace_id"]})
        assert complaints == []
        used = sorted({one["tool"] for one in STORY} | {"workspace_delete"})
        print(json.dumps({"version": client.protocol_version, "listed": sorted(listed), "used": used, "progress": count}))


asyncio.run(main())
