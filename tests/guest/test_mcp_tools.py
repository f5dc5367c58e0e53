"""Every tool of the MCP server, once, with a real VM: what comes back is what its output schema says."""

import os

import pytest
from conftest import BASE, wait_until
from mcp_client import Client

TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict}


def misfits(schema, value, path=""):
    """Where a value is not what a schema says; of JSON Schema as much as our schemas use."""
    kind = schema["type"]
    if not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return [f"{path} is {value!r}, not {kind}"]
    if kind == "array":
        return [found for i, one in enumerate(value) for found in misfits(schema["items"], one, f"{path}[{i}]")]
    if kind != "object" or "properties" not in schema:
        return []
    missing = [f"{path}.{name} is missing" for name in schema.get("required", []) if name not in value]
    known = {name: one for name, one in value.items() if name in schema["properties"]}
    return missing + [
        f for name, one in known.items() for f in misfits(schema["properties"][name], one, f"{path}.{name}")
    ]


class Tools:
    """Calls tools, and remembers which."""

    def __init__(self, client):
        self.client, self.used = client, set()
        tools = client.ask("tools/list")["result"]["tools"]
        self.schemas = {tool["name"]: tool["outputSchema"] for tool in tools}

    def __call__(self, tool, **arguments):
        self.used.add(tool)
        result = self.client.call(tool, **arguments)
        structured = result["structuredContent"]
        assert "isError" not in result, structured
        assert misfits(self.schemas[tool], structured) == []
        return structured

    def error(self, tool, **arguments):
        return self.client.call_error(tool, **arguments)


@pytest.fixture
def tools(pyro, tmp_path):
    directory = tmp_path / "project"
    directory.mkdir()
    with Client(pyro, cwd=directory) as client:
        yield Tools(client)


def use_vm(call):
    vm = {"vm_id": call("vm_create", environment=BASE, mem_mib=256)["vm_id"]}
    assert "boot_ms" not in call("vm_status", **vm)  # null before the start
    assert "guest_ip" not in call("vm_network_info", **vm)
    call("vm_start", **vm)
    call("vm_stop", **vm)
    call("vm_start", **vm)
    assert call("vm_exec", command=["echo", "a b"], **vm)["stdout"] == "a b\n"
    assert call.error("vm_delete", **vm)["code"] == "unknown_vm"
    vm = {"vm_id": call("vm_create", environment=BASE, mem_mib=256)["vm_id"]}
    assert call("vm_delete", **vm)["deleted"]
    call("vm_reap_expired")
    assert call("vm_run", environment=BASE, command="exit 7")["exit_code"] == 7


def use_files(call, workspace):
    os.mkdir("more")
    call("workspace_sync_push", source_path="more", dest="more", **workspace)
    assert call("workspace_exec", command="echo changed >file; mkfifo pipe; ls", **workspace)["exit_code"] == 0
    diff = call("workspace_diff", **workspace)
    assert diff["changed"] and "+changed" in diff["patch"]
    exported = call("workspace_export", path="file", output_path="out", **workspace)
    assert exported["output_path"] == "out"
    assert call.error("workspace_export", path="file", output_path="../out", **workspace)["field"] == "output_path"
    call("workspace_logs", **workspace)
    assert call("workspace_status", **workspace)["workspace_seed"]["seed_path"] == "seed"


def use_service(call, workspace):
    service = {**workspace, "service_name": "web"}
    call("service_start", command="echo ready >/tmp/up; echo hello; sleep 100",
         readiness={"type": "file", "path": "/tmp/up"}, **service)  # fmt: skip
    call("service_list", **workspace)
    call("service_status", **service)
    logs = call("service_logs", **service)
    assert logs["stdout"] == "hello\n" and not logs["truncated"]
    call("service_start", command="seq 1 6000; sleep 100", **{**service, "service_name": "long"})
    long = {**workspace, "service_name": "long", "all": True}
    wait_until(lambda: call("service_logs", **long)["stdout"].endswith("\n6000\n"), 20, "all of it")
    logs = call("service_logs", **long)
    assert logs["truncated"] and "left out" in logs["stdout"]
    assert call("service_stop", **service)["was_running"]
    error = call.error("service_start", command="exit 3", readiness={"type": "tcp", "address": "127.0.0.1:9"}, **service)
    assert error["code"] == "service_failed" and "pyro workspace" not in str(error)


def use_shell(call, workspace):
    shell = {**workspace, "shell_id": call("shell_open", **workspace)["shell_id"]}
    call("shell_write", input="cd /tmp; echo $((6*7))", **shell)
    assert "42" in call("shell_read", wait_ms=10000, wait_for_idle_ms=500, plain=True, **shell)["output"]
    call("shell_write", input="stty -echo; PS1=; bind 'set enable-bracketed-paste off'; echo rea''dy; seq 1 9000; for i in $(seq 4000); do printf 'é€😀a'; done; echo; echo en''d", **shell)
    for plain in (False, True):  # whole, though an answer holds less
        text, cursor = "", 0
        while not text.endswith("\nend\r\n" if not plain else "\nend\n"):
            part = call("shell_read", cursor=cursor, plain=plain, wait_ms=20000, **shell)
            assert len(part["output"].encode()) <= 16384 and part["truncated"] == (part["next_cursor"] < part["end_cursor"])
            assert part["next_cursor"] > cursor and (plain or part["next_cursor"] == cursor + len(part["output"]))
            text, cursor = text + part["output"], part["next_cursor"]
        lines = text[text.rindex("ready") :].split()
        assert lines == ["ready", *map(str, range(1, 9001)), "é€😀a" * 4000, "end"]
    call("shell_signal", **shell)
    assert call("shell_close", **shell)["closed"]


def test_every_tool(pyro, tools, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / "project")
    os.mkdir("seed")
    (tmp_path / "project" / "seed" / "file").write_text("first\n")
    tools("vm_list_environments")
    use_vm(tools)
    for secret in (".ssh/id_ed25519", "seed/.ssh/id_ed25519", "seed/deep/er/.aws/credentials", "seed/deep/.cargo/config.toml"):
        (tmp_path / "project" / secret).parent.mkdir(parents=True)
        (tmp_path / "project" / secret).write_text("of interest to others\n")
    created = tools("workspace_create", environment=BASE, mem_mib=256, seed_path="seed")
    assert created["workspace_seed"]["left_out"] == [".ssh", "deep/er/.aws"]
    workspace = {"workspace_id": created["workspace_id"]}
    try:
        listed = tools("workspace_exec", command="find . -type f", **workspace)["stdout"].split()
        assert sorted(listed) == ["./deep/.cargo/config.toml", "./file"]
        pushed = tools("workspace_sync_push", source_path=".", dest="again", **workspace)["workspace_sync"]
        assert pushed["left_out"] == [".ssh", "seed/.ssh", "seed/deep/er/.aws"]
        use_files(tools, workspace)
        use_service(tools, workspace)
        use_shell(tools, workspace)
    finally:
        tools("workspace_delete", **workspace)
    assert (tmp_path / "project" / "out").read_text() == "changed\n"
    assert tools.used == tools.schemas.keys()
    pyro.assert_nothing_left(10)
