"""The world ``job``: work in the background, in steps."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Callable, Union

from .errors import PluginError, answering
from .registry import export
from .wire import by_name


@dataclass(frozen=True)
class JobRun:
    """One run. ``id`` is the same over steps and retries; ``attempt`` is 1 for the
    first try of this step; ``payload`` is what the caller gave."""

    id: str
    name: str
    payload: dict[str, Any]
    attempt: int
    due: datetime
    ext: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Done:
    """The job is finished; ``report`` is for the owner."""

    report: Any = None


@dataclass(frozen=True)
class Continue:
    """Run again with ``resume`` (at most 64 KiB). ``progress`` is from 0 to 1."""

    resume: str
    wait_s: int | None = None
    progress: float | None = None
    report: Any = None


@dataclass(frozen=True)
class _Outcome:
    state: str
    resume: str | None
    wait_s: int | None
    progress: float | None
    report: str | None


Step = Callable[[JobRun, Union[str, None]], Union[Done, Continue]]

_steps: dict[str, Step] = {}


def job(name: str) -> Callable[[Step], Step]:
    """Marks the function that does one step of the job of this name in the
    manifest. A step may be run twice: the token moves only when it ended well."""

    def mark(step: Step) -> Step:
        _steps[name] = step
        export("job", run=answering(_run))
        return step

    return mark


def _run(wire: Any, resume: str | None) -> _Outcome:
    step = _steps.get(wire.name)
    if step is None:
        raise PluginError("invalid", f"there is no job {wire.name}")
    due = datetime.fromtimestamp(wire.due_ms / 1000, timezone.utc)
    run = JobRun(wire.id, wire.name, json.loads(wire.payload), wire.attempt, due, by_name(wire.ext))
    outcome = step(run, resume)
    report = None if outcome.report is None else json.dumps(outcome.report, ensure_ascii=False)
    if isinstance(outcome, Done):
        return _Outcome("done", None, None, None, report)
    return _Outcome("continue", outcome.resume, outcome.wait_s, outcome.progress, report)
