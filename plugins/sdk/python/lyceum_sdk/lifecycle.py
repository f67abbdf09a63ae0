"""The moments in a plugin's life; each may be left out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Callable

from .errors import Answer, answering
from .registry import EXPORTS, export


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field of the configuration. ``path`` is a JSON pointer."""

    path: str
    message: str


def _ready() -> None:
    """The functions that a plugin leaves out find nothing wrong."""
    if "lifecycle" not in EXPORTS:
        nothing: Callable[..., None] = lambda *_: None
        export("lifecycle", health=nothing, configure=nothing, migrate=nothing)


def health(check: Callable[[], None]) -> Callable[[], None]:
    """Marks the function that raises when the plugin cannot serve."""
    _ready()
    export("lifecycle", health=answering(check))
    return check


Configure = Callable[[dict[str, Any]], list[FieldError]]


def configure(look: Configure) -> Configure:
    """Marks the function that says what is wrong with a configuration."""

    def looked(text: str) -> None:
        try:
            found = look(json.loads(text))
        except Exception as error:
            found = [FieldError("", f"{type(error).__name__}: {error}")]
        if found:
            raise Answer(found)

    _ready()
    export("lifecycle", configure=looked)
    return look


def migrate(bring: Callable[[str], None]) -> Callable[[str], None]:
    """Marks the function that brings the plugin's own store here from a version."""
    _ready()
    export("lifecycle", migrate=answering(bring))
    return bring
