"""The methods against the public contract (docs/CONTRACT.md) and the operation table."""

import inspect
import json
import re
import typing

import contract
import pyro_mcp
import pytest
from pyro_mcp import AsyncPyro, Pyro, Server, _pyro, _scopes, errors, types

DEFAULTS = contract.defaults("Python SDK Contract")
# What goes beyond it: keyword-only, with a default.
BEYOND = {"force", "grace_seconds", "scrollback_bytes", "plain", "wait_ms", "wait_for_idle_ms", "on_output"}

OPERATIONS = {o["python"]: o for o in json.loads(_pyro.operations())["operations"] if o["python"]}


def parameters(function):
    found = dict(inspect.signature(function).parameters)
    found.pop("self", None)
    return found


@pytest.mark.parametrize("facade", [Pyro, AsyncPyro])
@pytest.mark.parametrize("line", contract.methods())
def test_contract(facade, line):
    name, words = re.fullmatch(r"(\w+)\((.*)\)", line).groups()
    found = parameters(getattr(facade, name))
    if words == "...":
        assert {key: found[key].default for key in DEFAULTS[name]} == DEFAULTS[name]
        return
    wanted = parameters(eval(f"lambda {words}: None"))
    shown = {key: (p.kind, p.default) for key, p in found.items() if key in wanted}
    assert shown == {key: (p.kind, p.default) for key, p in wanted.items()}
    assert [key for key in found if key in wanted and found[key].kind is not inspect.Parameter.KEYWORD_ONLY] == [
        key for key in wanted if wanted[key].kind is not inspect.Parameter.KEYWORD_ONLY
    ]
    for key in found.keys() - wanted.keys():
        assert key in BEYOND
        assert found[key].kind is inspect.Parameter.KEYWORD_ONLY
        assert found[key].default is not inspect.Parameter.empty


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_operation_table(name):
    wanted = {p["name"]: p for p in OPERATIONS[name]["parameters"] if not p["command_line"]}
    found = parameters(getattr(Pyro, name))
    assert found.keys() - {"on_output"} == wanted.keys()
    for key, parameter in found.items():
        if key == "on_output" or (wanted[key]["required"] or key == "input"):
            continue
        assert parameter.default == wanted[key]["default"]
    assert [str(p) for p in parameters(getattr(AsyncPyro, name)).values()] == [str(p) for p in found.values()]
    assert getattr(Pyro, name).__doc__ == getattr(AsyncPyro, name).__doc__


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_documented_and_typed(name):
    method = getattr(Pyro, name)
    for key in parameters(method):
        assert f"{key}: " in method.__doc__
    hints = typing.get_type_hints(method)
    result = hints["return"]
    if name == "list_environments":
        result = typing.get_args(result)[0]
        fields = OPERATIONS[name]["result"][1]["members"]
    else:
        fields = OPERATIONS[name]["result"]
    assert set(typing.get_type_hints(result)) == {field["name"] for field in fields}


def test_every_public_method_is_in_the_table():
    own = {"create_server", "close", "vm", "workspace"}
    public = {name for name in dir(Pyro) if not name.startswith("_")}
    assert public == OPERATIONS.keys() | own
    assert {name for name in dir(AsyncPyro) if not name.startswith("_")} == public


def test_every_error_has_its_class():
    for code, builtin in _pyro.ERRORS.items():
        error = errors.make_error(code, "message", "hint", "field", 2)
        assert isinstance(error, pyro_mcp.PyroError)
        assert isinstance(error, getattr(__import__("builtins"), builtin))
        assert (error.code, error.field, error.errno, str(error)) == (code, "field", 2, "message\n  hint: hint")


def test_version():
    assert pyro_mcp.__version__ == json.loads(_pyro.operations())["version"]


@pytest.mark.parametrize("name", ["VM", "Workspace"])
def test_blocks_of_asyncio_have_the_same_methods(name):
    plain, awaited = getattr(_scopes, name), getattr(_scopes, f"Async{name}")
    public = {key for key in vars(plain) if not key.startswith("_")}
    assert public == {key for key in vars(awaited) if not key.startswith("_")}
    for key in public:
        assert str(inspect.signature(getattr(plain, key))) == str(inspect.signature(getattr(awaited, key)))


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_documented_errors(name):
    told = " ".join(getattr(Pyro, name).__doc__.split()).split("Raises PyroError, which is also a ")[1].rstrip(". ")
    named = [(part.split(": ")[0], code.split()[0]) for part in told.split("; ") for code in part.split(": ")[1].split(", ")]
    assert ("ValueError", "invalid_parameter") in named
    for builtin, code in named:
        assert _pyro.ERRORS[code] == builtin or (builtin, code) == ("FileNotFoundError", "invalid_parameter")


@pytest.mark.parametrize("facade", [Pyro, AsyncPyro, _scopes.VM, _scopes.AsyncVM, _scopes.Workspace, _scopes.AsyncWorkspace, Server])
def test_hints_can_be_looked_at(facade):
    """As those do who make tools of functions."""
    for name, method in inspect.getmembers(facade, inspect.isfunction):
        if not name.startswith("_"):
            assert "return" in typing.get_type_hints(method), name
    if facade is Pyro:
        hints = typing.get_type_hints(Pyro.start_service)
        assert hints["return"] is types.ServiceRecord and hints["readiness"] == types.Readiness | None
