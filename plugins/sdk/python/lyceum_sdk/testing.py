"""A host for tests, in memory. Nothing in here reaches a network or a clock."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Callable

from . import host
from .errors import HttpFailure

Answerer = Callable[[str, str, list[Any], bytes], tuple[int, list[tuple[str, str]], bytes]]


@dataclass
class FakeHost:
    """What a test can look at afterwards. ``now_ms`` may be set, to let time pass."""

    now_ms: int = 0
    lines: list[tuple[str, str, list[tuple[str, str]]]] = field(default_factory=list)
    store: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str, list[Any], bytes]] = field(default_factory=list)
    mails: list[SimpleNamespace] = field(default_factory=list)
    counts: dict[str, float] = field(default_factory=dict)


def fake_host(
    config: dict[str, Any] | None = None,
    now_ms: int = 0,
    secrets: tuple[str, ...] = (),
    http: Answerer | None = None,
    smtp: Callable[[SimpleNamespace], str] | None = None,
    **imports: Any,
) -> FakeHost:
    """Connects a fresh host in memory. ``http`` and ``smtp`` answer; ``imports`` are
    further interfaces, or others in the place of these, with ``_`` for ``-``."""
    fake = FakeHost(now_ms)
    interfaces = {**_baseline(fake, config or {}), **_granted(fake, secrets, http, smtp)}
    interfaces.update({name.replace("_", "-"): value for name, value in imports.items()})
    host.connect(interfaces)
    return fake


def _baseline(fake: FakeHost, config: dict[str, Any]) -> dict[str, Any]:
    def count(name: str, add: int, labels: Any) -> None:
        fake.counts[name] = fake.counts.get(name, 0) + add

    return {
        "log": SimpleNamespace(write=lambda *line: fake.lines.append(line)),
        "config": SimpleNamespace(get=lambda: json.dumps(config)),
        "clock": SimpleNamespace(now_ms=lambda: fake.now_ms),
        "random": SimpleNamespace(bytes=lambda length: bytes((at * 97 + 13) % 256 for at in range(length))),
        "metrics": SimpleNamespace(count=count, observe=lambda name, value, labels: fake.counts.update({name: value})),
    }


def _granted(fake: FakeHost, secrets: tuple[str, ...], http: Answerer | None, smtp: Any) -> dict[str, Any]:
    def send(*request: Any) -> Any:
        fake.requests.append(request)
        if http is None:
            raise HttpFailure("denied", request[1])
        return http(*request)

    def mail(server: str, login: Any, sender: str, recipients: list[str], message: bytes) -> str:
        envelope = SimpleNamespace(server=server, login=login, sender=sender, recipients=recipients, message=message)
        fake.mails.append(envelope)
        return smtp(envelope) if smtp else "250 ok"

    return {
        "secret-ref": SimpleNamespace(has=lambda name: name in secrets),
        "kv": _kv(fake.store),
        "http": SimpleNamespace(send=send),
        "smtp": SimpleNamespace(send=mail),
    }


def _kv(store: dict[str, bytes]) -> Any:
    def keys(prefix: str, after: str | None, limit: int) -> list[str]:
        return sorted(key for key in store if key.startswith(prefix) and (after is None or key > after))[:limit]

    return SimpleNamespace(get=store.get, set=store.__setitem__, delete=lambda key: store.pop(key, None), keys=keys)
