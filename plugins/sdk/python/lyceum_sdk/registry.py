"""What a plugin exports: functions by interface and name, in the names of Python.

The decorators put them here, and :mod:`lyceum_sdk.wasm` makes classes of them.
"""

from __future__ import annotations

from typing import Any, Callable

EXPORTS: dict[str, dict[str, Callable[..., Any]]] = {}


def export(interface: str, **functions: Callable[..., Any]) -> None:
    """Adds functions to an interface."""
    EXPORTS.setdefault(interface, {}).update(functions)


def call(interface: str, function: str, *values: Any) -> Any:
    """Calls an export as the host would; for tests."""
    return EXPORTS[interface][function](*values)
