"""`pyro mcp config`: what it prints is what each client can start. No guest is needed."""

import json
import os
import subprocess
import tomllib

import pytest
import yaml
from conftest import BUILD


def in_servers(key):
    def find(text):
        server = json.loads(text)[key]["pyro"]
        return [server["command"], *server["args"]], server["env"]

    return find


def in_codex(text):
    server = tomllib.loads(text)["mcp_servers"]["pyro"]
    return [server["command"], *server["args"]], server.get("env", {})


def in_goose(text):
    server = yaml.safe_load(text)["extensions"]["pyro"]
    assert server["type"] == "stdio" and server["enabled"] is True
    return [server["cmd"], *server["args"]], server["envs"]


def in_opencode(text):
    server = json.loads(text)["mcp"]["pyro"]
    assert server["type"] == "local" and server["enabled"] is True
    return server["command"], server["environment"]


# How each client reads its file.
READERS = {
    "claude-code": in_servers("mcpServers"), "claude-desktop": in_servers("mcpServers"),
    "cursor": in_servers("mcpServers"), "vscode": in_servers("servers"), "zed": in_servers("context_servers"),
    "codex": in_codex, "goose": in_goose, "opencode": in_opencode,
}  # fmt: skip


def config(pyro, client, *words, **keywords):
    result = pyro.run("mcp", "config", "--client", client, *words, **keywords)
    assert result.returncode == 0, result.stderr.decode()
    return READERS[client](result.stdout.decode())


def tools_of(words, env, directory):
    """Starts the server as a client would, with little in its environment, and asks for its tools."""
    env = {"HOME": "/nonexistent", "PATH": "/usr/bin:/bin", **env}
    ask = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n'
    result = subprocess.run(words, input=ask, env=env, cwd=directory, capture_output=True, text=True, timeout=20)
    assert result.returncode == 0, result.stderr
    return [tool["name"] for tool in json.loads(result.stdout)["result"]["tools"]]


@pytest.mark.parametrize("client", READERS)
def test_a_client_can_start_it(empty, client, tmp_path):
    """With a directory whose name needs quoting in each of the formats, from another one."""
    allowed = tmp_path / "it's \"a\" \\ dir: # é {x}"
    allowed.mkdir()
    words, env = config(empty, client, "--tools", "vm", "--allow-path", allowed.name, cwd=tmp_path)
    assert words == [str(BUILD / "pyro"), "mcp", "serve", "--tools", "vm", "--allow-path", str(allowed)]
    assert env == {"PYRO_HOME": str(empty.home)}
    assert len(tools_of(words, env, "/")) == 10


@pytest.mark.parametrize("client", READERS)
def test_defaults(empty, client):
    """`pyro` of PATH, and the usual home: nothing more than needed."""
    env = {"PATH": f"/nonexistent::{BUILD}", "PYRO_HOME": "", "XDG_DATA_HOME": "", "HOME": "/home/user"}
    assert config(empty, client, env=env) == (["pyro", "mcp", "serve"], {})
    assert config(empty, client, env={**env, "XDG_DATA_HOME": "/data"})[1] == {"PYRO_HOME": "/data/pyro"}
    assert config(empty, client, "--allow-host-compat", env=env)[0][3:] == ["--allow-host-compat"]
    assert not empty.home.exists()


def test_another_pyro_in_path(empty, tmp_path):
    other = tmp_path / "bin"
    other.mkdir()
    (other / "pyro").write_text("#!/bin/sh\n")
    (other / "pyro").chmod(0o755)
    path = f"{other}:{BUILD}"
    assert config(empty, "codex", env={"PATH": path})[0][0] == str(BUILD / "pyro")
    (other / "pyro").unlink()
    (other / "pyro").symlink_to(BUILD / "pyro")
    assert config(empty, "codex", env={"PATH": path})[0][0] == "pyro"


@pytest.mark.parametrize("client", READERS)
def test_as_json(empty, client):
    plain = empty.run("mcp", "config", "--client", client)
    result = empty.json("mcp", "config", "--client", client)
    assert result["snippet"] == plain.stdout.decode() and result["client"] == client
    assert result["command"] == [str(BUILD / "pyro"), "mcp", "serve"] and result["env"] == {"PYRO_HOME": str(empty.home)}
    assert result["file"] in plain.stderr.decode() and result["format"] in ("json", "toml", "yaml")


@pytest.mark.parametrize("words, says", [
    (["--client", "emacs"], "claude-code"),
    ([], "--client is missing"),
    (["--client", "zed", "--allow-path", "/nonexistent"], "/nonexistent"),
    (["--client", "zed", "--tools", "none"], "--tools"),
])  # fmt: skip
def test_refused(empty, words, says):
    result = empty.run("mcp", "config", *words)
    assert result.returncode == 2 and result.stdout == b""
    assert says in result.stderr.decode() and "hint: " in result.stderr.decode()


@pytest.mark.parametrize("name", ["line\nbreak", "del\x7fete", b"not utf-8 \xff"])
def test_names_that_no_file_can_hold(empty, tmp_path, name):
    path = os.path.join(os.fsencode(tmp_path), os.fsencode(name))
    os.mkdir(path)
    result = empty.run("mcp", "config", "--client", "goose", "--allow-path", path)
    assert result.returncode == 2 and result.stdout == b"" and b"hint: " in result.stderr
