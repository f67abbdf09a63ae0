"""The world ``notify``: messages to people."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Callable

from .errors import to_wire
from .registry import export
from .wire import by_name


@dataclass(frozen=True)
class Delivery:
    """One message to one person, in the language of ``locale`` already. ``id`` is
    the same over retries; ``values`` are what the text was made from."""

    id: str
    channel: str
    address: str
    subject: str
    text: str
    locale: str = "en"
    template: str = "test"
    name: str | None = None
    values: dict[str, str] = field(default_factory=dict)
    ext: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DeliveryResult:
    """``status`` is ``sent``, ``retry`` (not now) or ``failed`` (never)."""

    status: str
    provider_ref: str | None = None
    note: str | None = None
    retry_after_s: int | None = None
    id: str = ""


def sent(provider_ref: str | None = None) -> DeliveryResult:
    return DeliveryResult("sent", provider_ref)


def retry(note: str, after_s: int | None = None) -> DeliveryResult:
    return DeliveryResult("retry", note=note, retry_after_s=after_s)


def failed(note: str) -> DeliveryResult:
    return DeliveryResult("failed", note=note)


Deliver = Callable[[Delivery], DeliveryResult]


def notifier(*channels: str) -> Callable[[Deliver], Deliver]:
    """Marks the function that sends one message. What it raises becomes ``retry``
    or ``failed``, as the error says."""

    def mark(deliver: Deliver) -> Deliver:
        def delivered(wire: Any) -> DeliveryResult:
            try:
                result = deliver(_read(wire))
            except Exception as error:
                problem = to_wire(error)
                result = DeliveryResult("retry" if problem.retryable else "failed", note=f"{problem.code}: {problem.message}")
            return replace(result, id=wire.id)

        export("notifier", channels=lambda: list(channels), deliver=lambda batch: [delivered(wire) for wire in batch])
        return deliver

    return mark


def _read(wire: Any) -> Delivery:
    return Delivery(
        wire.id, wire.channel, wire.address, wire.subject, wire.text, wire.locale, wire.template, wire.name,
        by_name(wire.values), by_name(wire.ext),
    )
