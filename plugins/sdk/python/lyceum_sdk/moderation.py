"""The world ``moderation``: verdicts on texts. Pure: it has no host."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Callable

from .errors import answering
from .registry import export
from .wire import by_name, to_pairs


@dataclass(frozen=True)
class ReviewItem:
    """A text to be judged. ``kind`` is ``comment``, and others later."""

    id: str
    kind: str
    text: str
    locale: str | None = None
    ext: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """``decision`` is ``allow``, ``hold`` or ``reject``; ``confidence`` is from 0 to 1."""

    decision: str
    labels: list[str] = field(default_factory=list)
    confidence: float = 1.0
    note: str | None = None
    ext: Any = field(default_factory=dict)


def allow() -> Verdict:
    """Nothing was found."""
    return Verdict("allow")


def hold(labels: list[str], confidence: float, note: str | None = None) -> Verdict:
    """A person must look."""
    return Verdict("hold", labels, confidence, note)


def reject(labels: list[str], confidence: float, note: str | None = None) -> Verdict:
    """Not to be shown."""
    return Verdict("reject", labels, confidence, note)


Review = Callable[[ReviewItem], Verdict]


def moderator(review: Review) -> Review:
    """Marks the function that judges one text. It does not depend on other texts."""

    def judged(item: Any) -> Verdict:
        verdict = review(ReviewItem(item.id, item.kind, item.text, item.locale, by_name(item.ext)))
        return replace(verdict, ext=to_pairs(verdict.ext))

    export("moderator", review=answering(lambda items: [judged(item) for item in items]))
    return review
