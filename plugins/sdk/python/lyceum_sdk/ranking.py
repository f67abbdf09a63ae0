"""The world ``ranking``: scores from columns. Pure: it has no host."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Callable, Iterable, Sequence

from .errors import PluginError, answering
from .registry import export
from .wire import by_name


@dataclass(frozen=True)
class RankContext:
    """What a ranker may know of the asking. ``now`` is when it was asked."""

    surface: str
    locale: str
    now: datetime
    count: int
    ext: dict[str, str] = field(default_factory=dict)


Columns = dict[str, Sequence[float]]
Rank = Callable[[RankContext, Columns], Iterable[float]]


def ranker(*columns: str) -> Callable[[Rank], Rank]:
    """Marks the function that gives one finite score for each item; the highest
    comes first. ``columns`` are those it wants: ``age-hours``, ``enrolments``,
    ``comments``, ``lessons``, ``price-minor``, ``affinity``."""

    def mark(rank: Rank) -> Rank:
        def ranked(context: Any, given: list[Any]) -> list[float]:
            named = {column.name: column.values.value for column in given}
            wanted = {name: _checked(name, named.get(name), context.count) for name in columns}
            now = datetime.fromtimestamp(context.now_ms / 1000, timezone.utc)
            asked = RankContext(context.surface, context.locale, now, context.count, by_name(context.ext))
            return [float(score) for score in rank(asked, wanted)]

        export("ranker", columns=lambda: list(columns), rank=answering(ranked))
        return rank

    return mark


def _checked(name: str, values: Sequence[float] | None, count: int) -> Sequence[float]:
    if values is None or len(values) != count:
        raise PluginError("invalid", f"the column {name} has not {count} values")
    return values
