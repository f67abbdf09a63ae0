"""The world ``auth``: somebody else says who a person is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Callable, TypeVar

from .errors import PluginError, answering
from .registry import export
from .wire import Pairs, by_name, to_pairs


@dataclass(frozen=True)
class Start:
    """A person wants to sign in. The host made ``state``, ``nonce`` and the PKCE
    challenge (``S256``), and checks them."""

    redirect_uri: str
    state: str
    nonce: str
    code_challenge: str
    locale: str = "en"
    ext: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Way:
    """Where to go: ``https`` only. ``keep`` is given to ``complete``; at most 2048 bytes."""

    url: str
    keep: str = ""


@dataclass(frozen=True)
class Callback:
    """The person came back; ``state`` was right."""

    params: dict[str, str]
    redirect_uri: str
    nonce: str
    code_verifier: str
    keep: str = ""


@dataclass(frozen=True)
class Identity:
    """Who it is, as the provider says. ``subject`` never changes; ``keep`` is
    given to ``refresh``, at most 4096 bytes."""

    subject: str
    email: str | None = None
    email_verified: bool = False
    name: str | None = None
    picture: str | None = None
    keep: str = ""
    ext: Any = field(default_factory=dict)


@dataclass(frozen=True)
class _About:
    labels: Pairs
    refreshes: bool


P = TypeVar("P")


def auth_provider(**labels: str) -> Callable[[type[P]], type[P]]:
    """Marks a class with ``begin(start) -> Way``, ``complete(callback) -> Identity``
    and perhaps ``refresh(keep) -> Identity``. ``labels`` stand on the button, by
    language tag."""

    def mark(provider: type[P]) -> type[P]:
        made: Any = provider()
        refresh = getattr(made, "refresh", None)

        def refreshed(keep: str) -> Identity:
            if refresh is None:
                raise PluginError("unsupported", "no refresh")
            return _whole(refresh(keep))

        export(
            "auth_provider",
            describe=lambda: _About(to_pairs(labels), refresh is not None),
            begin=answering(lambda s: made.begin(Start(s.redirect_uri, s.state, s.nonce, s.code_challenge, s.locale, by_name(s.ext)))),
            complete=answering(lambda c: _whole(made.complete(Callback(by_name(c.params), c.redirect_uri, c.nonce, c.code_verifier, c.keep)))),
            refresh=answering(refreshed),
        )
        return provider

    return mark


def _whole(identity: Identity) -> Identity:
    return replace(identity, ext=to_pairs(identity.ext))
