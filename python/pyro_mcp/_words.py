"""What a method is called with, before it runs."""

from __future__ import annotations

import functools

from . import _pyro
from ._calls import encode
from .errors import PyroTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any, TypeVar

    Method = TypeVar("Method", bound=Callable[..., Any])

_IS_COROUTINE = 0x80  # of co_flags
_PYTHONS_OWN = "on_output"


def operation(name: str) -> Callable[[Method], Method]:
    """Marks the method that is the operation `name`. Keywords that it does not have, and parameters that are missing, are
    told as everywhere: all at once, with the nearest name. (Python alone would tell the first of them.)"""

    def decorate(method: Any) -> Any:
        code: CodeType = method.__code__
        names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
        positional = names[: code.co_argcount - 1]
        defaults: dict[str, Any] = method.__kwdefaults__ or {}
        known = frozenset(names)
        required = known - defaults.keys()  # what is positional has no default

        def check(words: tuple[Any, ...], keywords: dict[str, Any]) -> None:
            given = dict(zip(positional, words), **keywords)
            if not (known.issuperset(keywords) and required.issubset(given)):
                _refuse(name, given)
            for word, value in keywords.items():
                if value is None and defaults.get(word) is not None:
                    _refuse_none(name, word, defaults[word])

        def call(self: Any, /, *words: Any, **keywords: Any) -> Any:
            check(words, keywords)
            return method(self, *words, **keywords)

        async def call_async(self: Any, /, *words: Any, **keywords: Any) -> Any:
            check(words, keywords)
            return await method(self, *words, **keywords)

        return functools.wraps(method)(call_async if code.co_flags & _IS_COROUTINE else call)

    return decorate


def _refuse(name: str, given: dict[str, Any]) -> None:
    given.pop(_PYTHONS_OWN, None)
    failure = _pyro.validate(name, encode(name, given))
    if failure:  # else it is a matter of this method, and Python says what
        code, message, hint, field, errno = failure
        raise PyroTypeError(code, message, hint, field or None, errno or None)


def _refuse_none(name: str, word: str, default: Any) -> None:
    message = f"{name}: {word} must not be None"
    raise PyroTypeError("invalid_parameter", message, f"leave it out for the default, {default!r}", word)
