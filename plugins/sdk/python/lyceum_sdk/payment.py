"""The world ``payment``: a provider's messages, translated. Times are
milliseconds since 1970, amounts are integers in minor units."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, Callable, TypeVar

from .errors import Answer, HttpFailure
from .registry import export
from .wire import Case, Pairs


@dataclass(frozen=True)
class Money:
    """``minor`` is in ISO minor units: 9900 is CNY 99.00, and JPY 9,900."""

    currency: str
    minor: int


@dataclass(frozen=True)
class Account:
    id: str
    live: bool
    settings: Pairs


@dataclass(frozen=True)
class Ref:
    """Names one object: a ``payment``, ``refund``, ``dispute``, ``mandate`` or ``payout``."""

    kind: str
    merchant_ref: str | None = None
    provider_ref: str | None = None


class Status(Case):
    """``Status("succeeded")``, ``Status("failed", "why")``, ``Status("other", "…")``."""


class NextAction(Case):
    """``NextAction("none")``, ``NextAction("redirect", "https://…")``."""


@dataclass(frozen=True)
class View:
    """What the provider says about one object."""

    about: Ref
    status: Status
    raw_status: str
    parent: Ref | None = None
    amount: Money | None = None
    done: Money | None = None
    next: NextAction = NextAction("none")
    occurred_ms: int | None = None
    due_ms: int | None = None
    ext: Pairs = field(default_factory=list)


class PaymentError(Exception):
    """Why there is no view. ``unknown``: it may have happened. ``rate-limited``
    takes the seconds to wait, or None; ``unsupported`` takes nothing."""

    def __init__(self, tag: str, value: Any = None) -> None:
        super().__init__(f"{tag}: {value}")
        self.tag, self.value = tag, value


@dataclass(frozen=True)
class Capabilities:
    flows: list[str]
    currencies: list[str]
    features: list[str] = field(default_factory=list)
    limits: Pairs = field(default_factory=list)


@dataclass(frozen=True)
class Order:
    merchant_ref: str
    amount: Money
    flow: str
    title: str
    manual_capture: bool
    expires_ms: int
    return_url: str
    notify_url: str
    mandate: Ref | None = None
    payer: Pairs = field(default_factory=list)
    metadata: Pairs = field(default_factory=list)
    ext: Pairs = field(default_factory=list)


@dataclass(frozen=True)
class InboundRequest:
    """A request as it came from the socket; names of headers are in lower case."""

    method: str
    path: str
    query: str
    headers: Pairs
    body: bytes
    received_ms: int

    def header(self, name: str) -> str | None:
        return next((value for known, value in self.headers if known == name.lower()), None)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Pairs = field(default_factory=list)
    body: bytes = b""


@dataclass(frozen=True)
class PaymentEvent:
    """``id`` is the same over retries. Without ``view`` the host queries ``about``."""

    id: str
    name: str
    about: Ref
    occurred_ms: int | None = None
    view: View | None = None
    ext: Pairs = field(default_factory=list)


@dataclass(frozen=True)
class Accepted:
    """A request that is really from the provider."""

    events: list[PaymentEvent]
    ack: Reply = Reply(200)
    nack: Reply = Reply(503)


class Refusal(Case):
    """Why a request is not taken."""


class Refused(Exception):
    """Raise it to refuse a request: ``bad-signature``, ``stale``, ``malformed`` …"""

    def __init__(self, tag: str, value: str | None = None, answer: Reply = Reply(400)) -> None:
        super().__init__(f"{tag}: {value}")
        self.why, self.answer = Refusal(tag, value), answer


@dataclass(frozen=True)
class _Refused:
    why: Refusal
    answer: Reply


class Error(Case):
    """The error of the payment world; its name is the generated one."""


class PaymentProvider(ABC):
    """One provider. What fails without a word of its own may have had its effect."""

    @abstractmethod
    def describe(self) -> Capabilities: ...

    @abstractmethod
    def check_account(self, account: Account) -> None: ...

    @abstractmethod
    def create(self, account: Account, order: Order) -> View: ...

    @abstractmethod
    def query(self, account: Account, about: Ref, parent: Ref | None) -> View: ...

    @abstractmethod
    def close(self, account: Account, payment: Ref, op_ref: str) -> View: ...

    @abstractmethod
    def refund(self, account: Account, payment: Ref, refund_ref: str, amount: Money, paid: Money, reason: str) -> View: ...

    def capture(self, account: Account, payment: Ref, op_ref: str, amount: Money) -> View:
        raise PaymentError("unsupported")

    def refresh_keys(self, account: Account) -> int:
        raise PaymentError("unsupported")

    @abstractmethod
    def verify(self, account: Account, request: InboundRequest) -> Accepted:
        """Whether the request is from the provider, and what it says. Raises ``Refused``."""

    @abstractmethod
    def read_return(self, account: Account, request: InboundRequest) -> Ref:
        """Which payment a return page is about, never its state. Raises ``Refused``."""


SHAPES = {"Money": Money, "Account": Account, "Ref": Ref, "Order": Order, "Request": InboundRequest}
P = TypeVar("P", bound=type[PaymentProvider])


def payment_provider(provider: P) -> P:
    """Marks the class of the provider."""
    made = provider()
    operations = ("check_account", "create", "query", "capture", "close", "refund", "refresh_keys")
    export("provider", describe=made.describe, **{name: _telling(getattr(made, name)) for name in operations})
    export("inbound", verify=_refusing(made.verify), read_return=_refusing(made.read_return))
    return provider


def _lifted(value: Any) -> Any:
    """The host's records, as those of this module."""
    shape = SHAPES.get(type(value).__name__)
    if shape is None:
        return value
    return shape(**{name: _lifted(getattr(value, name)) for name in shape.__dataclass_fields__})


def _telling(call: Callable[..., Any]) -> Callable[..., Any]:
    def told(*values: Any) -> Any:
        try:
            return call(*map(_lifted, values))
        except PaymentError as error:
            raise Answer(Error(error.tag, error.value)) from error
        except HttpFailure as failure:
            unsent = failure.kind in ("not-sent", "denied")
            raise Answer(Error("not-sent" if unsent else "unknown", str(failure))) from failure
        except Exception as error:
            raise Answer(Error("unknown", f"{type(error).__name__}: {error}")) from error

    return told


def _refusing(call: Callable[..., Any]) -> Callable[..., Any]:
    def told(*values: Any) -> Any:
        try:
            return call(*map(_lifted, values))
        except Refused as refused:
            raise Answer(_Refused(refused.why, refused.answer)) from refused

    return told
