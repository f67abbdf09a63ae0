"""The world ``content``: hooks before and after changes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Callable, TypeVar

from .errors import Answer, answering
from .registry import EXPORTS, export
from .wire import Pairs, by_name, to_pairs


@dataclass(frozen=True)
class Actor:
    """Who does it: a person's global id, or a plugin's id."""

    user: str | None = None
    roles: list[str] = field(default_factory=list)
    plugin: str | None = None


@dataclass(frozen=True)
class FieldValue:
    """One field, in one language when it is localised. References are global ids."""

    field: str
    value: Any
    locale: str | None = None


@dataclass(frozen=True)
class HookEntry:
    """An entry, whole. Without ``id`` it is about to be made."""

    type_name: str
    status: str
    fields: list[FieldValue]
    id: str | None = None
    ext: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fact:
    """What happened. ``event`` is the same over repetitions; without ``entry`` it is gone."""

    event: str
    type_name: str
    id: str
    actor: Actor
    at: datetime
    entry: HookEntry | None = None


class Rejection(Exception):
    """Raise it to refuse a change. ``messages`` are for the person, by language tag."""

    def __init__(self, messages: dict[str, str], field: str | None = None) -> None:
        super().__init__(messages.get("en") or next(iter(messages.values()), "refused"))
        self.messages, self.field = messages, field


def value_of(fields: list[FieldValue], name: str, locale: str | None = None) -> Any:
    """The value of a field, in one language when it is localised; or None."""
    found = (f.value for f in fields if f.field == name and locale in (None, f.locale))
    return next(found, None)


@dataclass(frozen=True)
class _Rejected:
    field: str | None
    messages: Pairs


@dataclass(frozen=True)
class _Field:
    field: str
    locale: str | None
    value: str


F = TypeVar("F", bound=Callable[..., Any])
MOMENTS = ("create", "update", "publish", "delete")


def before(moment: str) -> Callable[[F], F]:
    """Marks a hook before ``create(actor, entry)``, ``update(actor, entry,
    changes)``, ``publish(actor, entry)`` or ``delete(actor, entry)``. The first two
    may give the fields to be set differently; called again with its own answer, a
    hook must answer the same. Others raise :class:`Rejection` or give nothing."""
    changes = moment in ("create", "update")

    def mark(hook: F) -> F:
        def called(actor: Any, entry: Any, *changed: Any) -> list[_Field] | None:
            try:
                answer = hook(_actor(actor), _entry(entry), *map(_fields, changed))
            except Rejection as refused:
                raise Answer(_Rejected(refused.field, to_pairs(refused.messages))) from refused
            return [_Field(f.field, f.locale, json.dumps(f.value, ensure_ascii=False)) for f in answer or []] if changes else None

        _ready("before", lambda name: (lambda *_: [] if name in ("create", "update") else None))
        export("before_hooks", **{f"before_{_known(moment)}": called})
        return hook

    return mark


def after(moment: str) -> Callable[[F], F]:
    """Marks a hook after ``create``, ``update``, ``publish`` or ``delete``; it is
    given a :class:`Fact`, at least once, in order for each entry."""

    def mark(hook: F) -> F:
        _ready("after", lambda _: (lambda *_: None))
        export("after_hooks", **{f"after_{_known(moment)}": answering(lambda wire: _nothing(hook(_fact(wire))))})
        return hook

    return mark


def _nothing(_: Any) -> None:
    return None


def _known(moment: str) -> str:
    if moment not in MOMENTS:
        raise ValueError(f"there is no moment {moment!r}; there are {', '.join(MOMENTS)}")
    return moment


def _ready(kind: str, default: Callable[[str], Callable[..., Any]]) -> None:
    """The moments that a plugin leaves out change nothing."""
    if f"{kind}_hooks" not in EXPORTS:
        export(f"{kind}_hooks", **{f"{kind}_{moment}": default(moment) for moment in MOMENTS})


def _actor(wire: Any) -> Actor:
    return Actor(wire.user, list(wire.roles), wire.plugin)


def _fields(wires: Any) -> list[FieldValue]:
    return [FieldValue(wire.field, json.loads(wire.value), wire.locale) for wire in wires]


def _entry(wire: Any) -> HookEntry:
    return HookEntry(wire.type_name, wire.status, _fields(wire.fields), wire.id, by_name(wire.ext))


def _fact(wire: Any) -> Fact:
    at = datetime.fromtimestamp(wire.at_ms / 1000, timezone.utc)
    entry = None if wire.entry is None else _entry(wire.entry)
    return Fact(wire.event, wire.type_name, wire.id, _actor(wire.actor), at, entry)
