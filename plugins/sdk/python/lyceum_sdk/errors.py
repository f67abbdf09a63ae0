"""Errors, on both sides of the boundary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, TypeVar

T = TypeVar("T")


class PluginError(Exception):
    """Raise it to answer a call with an error of your own code.

    ``code`` is of an open set: ``invalid``, ``unavailable``, ``denied``, ``gone``.
    ``retryable`` says whether the same call may succeed later.
    """

    def __init__(self, code: str, message: str, retryable: bool = False) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.retryable = code, message, retryable


class HttpFailure(Exception):
    """Why there is no response. ``not-sent`` surely had no effect; ``maybe-sent``
    and ``other`` may have had one; ``denied`` was not granted."""

    def __init__(self, kind: str, message: str = "") -> None:
        super().__init__(f"{kind}: {message}")
        self.kind, self.message = kind, message


class CryptoFailure(Exception):
    """Why there is no result: ``no-such-key``, ``mismatch``, ``malformed``, ``other``."""

    def __init__(self, kind: str, message: str = "") -> None:
        super().__init__(f"{kind}: {message}")
        self.kind, self.message = kind, message


@dataclass
class WireError:
    """An error as it crosses the boundary."""

    code: str
    message: str
    retryable: bool


class Answer(Exception):
    """An error for the host, ready to cross the boundary."""

    def __init__(self, value: Any) -> None:
        super().__init__(repr(value))
        self.value = value


def to_wire(error: BaseException) -> WireError:
    """Any exception, as the host understands it."""
    if isinstance(error, PluginError):
        return WireError(error.code, error.message, error.retryable)
    if isinstance(error, HttpFailure):
        denied = error.kind == "denied"
        return WireError("denied" if denied else "unavailable", str(error), not denied)
    return WireError("internal", f"{type(error).__name__}: {error}", False)


def answering(call: Callable[..., T]) -> Callable[..., T]:
    """Whatever the function raises becomes an error on the wire."""

    def answer(*values: Any) -> T:
        try:
            return call(*values)
        except Exception as error:
            raise Answer(to_wire(error)) from error

    return answer
