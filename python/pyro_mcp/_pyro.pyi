from collections.abc import Callable
from typing import Any

VERSION: str
ERRORS: dict[str, str]

def call(
    home: bytes,
    libexec: bytes,
    operation: str,
    parameters: str,
    on_output: Callable[[str, bytes], object] | None,
    on_progress: Callable[[str, str, str, int, int], object] | None,
    cancel_fd: int,
    results: list[str],
    /,
) -> tuple[str, str, str, str, int] | None: ...
def validate(operation: str, parameters: str, /) -> tuple[str, str, str, str, int] | None: ...
def operations() -> str: ...
