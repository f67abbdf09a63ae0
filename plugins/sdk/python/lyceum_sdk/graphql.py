"""The world ``graphql``: new fields in the API."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Callable

from .errors import to_wire
from .registry import export
from .wire import Bad, Ok, by_name


@dataclass(frozen=True)
class FieldRequest:
    """What is asked of a field. ``viewer`` is a global id, or None for a visitor."""

    type_name: str
    field: str
    args: dict[str, Any]
    locale: str
    viewer: str | None = None
    ext: dict[str, str] = field(default_factory=dict)


Parent = dict[str, Any]
Resolve = Callable[[Parent, FieldRequest], Any]

_resolvers: dict[tuple[str, str], Resolve] = {}


def resolver(type_name: str, field_name: str) -> Callable[[Resolve], Resolve]:
    """Marks the function that answers a field for one parent: its ``id``, and the
    fields that the manifest's ``@needs`` names. What it raises makes this one
    field null."""

    def mark(resolve: Resolve) -> Resolve:
        _resolvers[type_name, field_name] = resolve
        export("field_resolver", resolve_batch=_batch)
        return resolve

    return mark


def _batch(wire: Any, parents: list[str]) -> list[Ok | Bad]:
    request = FieldRequest(wire.type_name, wire.field, json.loads(wire.args), wire.locale, wire.viewer, by_name(wire.ext))
    return [_one(parent, request) for parent in parents]


def _one(parent: str, request: FieldRequest) -> Ok | Bad:
    try:
        resolve = _resolvers[request.type_name, request.field]
        return Ok(json.dumps(resolve(json.loads(parent), request), ensure_ascii=False))
    except Exception as error:
        return Bad(to_wire(error))
