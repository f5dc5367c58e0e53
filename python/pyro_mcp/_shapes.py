"""pyro_mcp.types under the name that annotations use: `shapes.VMRecord`. Imported when one is looked at, as
typing.get_type_hints() does; a program that only calls need not wait for typing."""


def __getattr__(name: str) -> object:
    from . import types

    return getattr(types, name)
