"""Shapes that cross the boundary. Records are taken by the names of their
fields; cases of a variant are not, and :mod:`lyceum_sdk.wasm` finds the
generated class for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable, Mapping

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Case:
    """One case of a variant: its tag as in the WIT, and its value when it has one."""

    tag: str
    value: Any = None


@dataclass(frozen=True)
class Ok:
    """The good half of a result inside of a value."""

    value: Any


@dataclass(frozen=True)
class Bad:
    """The other half."""

    value: Any


def by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    return dict(pairs)


def to_pairs(ext: Mapping[str, str] | None) -> Pairs:
    return list((ext or {}).items())
