"""What the host offers. Moderators and rankers are pure and have none of it.

An interface that the manifest does not ask for is not there, and the error says
what to add to ``plugin.toml``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Iterator, Mapping

from .errors import CryptoFailure
from .wire import to_pairs

_connected: dict[str, Any] = {}


def connect(imports: Mapping[str, Any]) -> None:
    """Takes the host's interfaces; what was there before is gone."""
    _connected.clear()
    _connected.update(imports)


def has(name: str) -> bool:
    """Whether the plugin has the interface of this name."""
    return name in _connected


def imported(name: str) -> Any:
    """The interface of this name."""
    if name not in _connected:
        raise RuntimeError(f"the plugin has no `{name}`: ask for it with [permissions.{name}] in plugin.toml")
    return _connected[name]


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


class log:
    """Lines in the server's log, marked with the plugin's id. At most 16 KiB a call."""

    @staticmethod
    def write(level: str, message: str, **fields: Any) -> None:
        imported("log").write(level, message, [(name, str(value)) for name, value in fields.items()])

    @staticmethod
    def debug(message: str, **fields: Any) -> None:
        log.write("debug", message, **fields)

    @staticmethod
    def info(message: str, **fields: Any) -> None:
        log.write("info", message, **fields)

    @staticmethod
    def warn(message: str, **fields: Any) -> None:
        log.write("warn", message, **fields)

    @staticmethod
    def error(message: str, **fields: Any) -> None:
        log.write("error", message, **fields)


def config() -> dict[str, Any]:
    """The configuration as the owner wrote it, checked against the plugin's schema."""
    return json.loads(imported("config").get())


def now() -> datetime:
    """The host's time, UTC. ``datetime.now`` ends the call in a component."""
    return datetime.fromtimestamp(imported("clock").now_ms() / 1000, timezone.utc)


def random_bytes(length: int) -> bytes:
    """Bytes that nobody can foresee; at most 4096."""
    return imported("random").bytes(length)


def count(name: str, add: int = 1, **labels: str) -> None:
    """Adds to a counter on the owner's dashboard."""
    imported("metrics").count(name, add, to_pairs(labels))


def observe(name: str, value: float, **labels: str) -> None:
    """Records one value of a distribution."""
    imported("metrics").observe(name, value, to_pairs(labels))


def has_secret(name: str) -> bool:
    """Whether a secret of this name is granted and has a value."""
    return imported("secret-ref").has(name)


class kv:
    """A small store of the plugin's own. Needs ``[permissions.kv]``."""

    PAGE = 1000

    @staticmethod
    def get(key: str) -> bytes | None:
        return imported("kv").get(key)

    @staticmethod
    def get_json(key: str) -> Any:
        """The value of a key, or None."""
        value = kv.get(key)
        return None if value is None else json.loads(value)

    @staticmethod
    def set(key: str, value: str | bytes) -> None:
        """At most 64 KiB; code ``quota`` when the store is full."""
        imported("kv").set(key, _bytes(value))

    @staticmethod
    def set_json(key: str, value: Any) -> None:
        kv.set(key, json.dumps(value, ensure_ascii=False))

    @staticmethod
    def delete(key: str) -> None:
        imported("kv").delete(key)

    @staticmethod
    def keys(prefix: str = "") -> Iterator[str]:
        """All keys that begin with a prefix, in byte order, fetched in parts."""
        after = None
        while True:
            page = imported("kv").keys(prefix, after, kv.PAGE)
            yield from page
            if len(page) < kv.PAGE:
                return
            after = page[-1]


@dataclass(frozen=True)
class Secret:
    """A header's value: the prefix, then the secret of this name, which the host puts in."""

    name: str
    prefix: str = ""


@dataclass(frozen=True)
class Response:
    """What came back. A status of 500 is a response, not a failure."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def text(self) -> str:
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        return json.loads(self.body)


class http:
    """Requests to servers that the owner allowed. Needs ``[permissions.http]``."""

    @staticmethod
    def send(
        method: str,
        url: str,
        headers: Mapping[str, str | Secret] | None = None,
        body: str | bytes = b"",
        json_body: Any = None,
    ) -> Response:
        """Makes one attempt and follows no redirect. Raises ``HttpFailure``."""
        sent = dict(headers or {})
        if json_body is not None:
            sent.setdefault("content-type", "application/json")
            body = json.dumps(json_body, ensure_ascii=False)
        status, received, content = imported("http").send(method, url, list(sent.items()), _bytes(body))
        return Response(status, dict(received), content)

    @staticmethod
    def get(url: str, headers: Mapping[str, str | Secret] | None = None) -> Response:
        return http.send("GET", url, headers)

    @staticmethod
    def post(url: str, json_body: Any, headers: Mapping[str, str | Secret] | None = None) -> Response:
        return http.send("POST", url, headers, json_body=json_body)


class smtp:
    """Mail to a server that the owner allowed. Needs ``[permissions.smtp]``."""

    @staticmethod
    def send(
        server: str, sender: str, recipients: list[str], message: bytes, login: tuple[str, str] | None = None
    ) -> str:
        """Makes one attempt and gives the server's last line. ``login`` is the
        account and the name of the secret that is its password."""
        return imported("smtp").send(server, login, sender, recipients, message)


class crypto:
    """Cryptography with keys that stay in the host; a key is a name. Needs
    ``[permissions.crypto]``. Raises ``CryptoFailure``."""

    @staticmethod
    def sign(key: str, algorithm: str, message: str | bytes) -> bytes:
        return imported("crypto").sign(key, algorithm, _bytes(message))

    @staticmethod
    def verify(key: str, algorithm: str, message: str | bytes, signature: bytes) -> bool:
        """Whether a signature is right; other failures are raised."""
        try:
            imported("crypto").verify(key, algorithm, _bytes(message), signature)
        except CryptoFailure as failure:
            if failure.kind == "mismatch":
                return False
            raise
        return True

    @staticmethod
    def open(key: str, algorithm: str, nonce: bytes, aad: bytes, sealed: bytes) -> bytes:
        return imported("crypto").open(key, algorithm, nonce, aad, sealed)

    @staticmethod
    def seal(key: str, algorithm: str, plain: str | bytes) -> bytes:
        return imported("crypto").seal(key, algorithm, _bytes(plain))

    @staticmethod
    def trust(name: str, certificate: bytes) -> str:
        """Checks a certificate chain; its key can then be used under ``name``."""
        return imported("crypto").trust(name, certificate)

    @staticmethod
    def hash(algorithm: str, message: str | bytes) -> bytes:
        """``sha1``, ``sha256``, ``sha384``, ``sha512``."""
        return imported("crypto").hash(algorithm, _bytes(message))

    @staticmethod
    def public_key(key: str) -> bytes:
        """SubjectPublicKeyInfo in DER."""
        return imported("crypto").public_key(key)


@dataclass(frozen=True)
class Entry:
    """An entry as it is published, or its first draft. ``fields`` are named as in the API."""

    id: str
    type_name: str
    status: str
    locale: str
    fields: dict[str, Any]
    ext: dict[str, str]


def _entry(wire: Any) -> Entry:
    return Entry(wire.id, wire.type_name, wire.status, wire.locale, json.loads(wire.fields), dict(wire.ext))


class content:
    """Entries of the granted types. Reading needs ``[permissions.content-read]``,
    writing ``[permissions.content-write]``."""

    PAGE = 100

    @staticmethod
    def get(type_name: str, id: str, locale: str | None = None) -> Entry | None:
        found = imported("content-read").get(type_name, id, locale)
        return None if found is None else _entry(found)

    @staticmethod
    def list(type_name: str, filter: Any = None, locale: str | None = None) -> Iterator[Entry]:
        """All entries of a query, fetched in parts."""
        text, after = None if filter is None else json.dumps(filter), None
        while True:
            page = imported("content-read").list(type_name, text, locale, after, content.PAGE)
            yield from map(_entry, page.entries)
            if page.next is None:
                return
            after = page.next

    @staticmethod
    def create(type_name: str, input: Mapping[str, Any]) -> str:
        """Makes a draft and gives its id. Code ``invalid`` names the wrong field."""
        return imported("content-write").create(type_name, json.dumps(input, ensure_ascii=False))

    @staticmethod
    def update(type_name: str, id: str, input: Mapping[str, Any]) -> None:
        imported("content-write").update(type_name, id, json.dumps(input, ensure_ascii=False))

    @staticmethod
    def publish(type_name: str, id: str) -> None:
        imported("content-write").publish(type_name, id)

    @staticmethod
    def unpublish(type_name: str, id: str) -> None:
        imported("content-write").unpublish(type_name, id)

    @staticmethod
    def delete(type_name: str, id: str) -> None:
        imported("content-write").delete(type_name, id)


@dataclass(frozen=True)
class Event:
    """What happened. ``position`` is its place in the order of all events."""

    position: int
    name: str
    subject: str | None
    at: datetime
    data: dict[str, Any]


class events:
    """What happened. Needs ``[permissions.events]``."""

    @staticmethod
    def emit(name: str, data: Mapping[str, Any] | None = None, subject: str | None = None) -> None:
        """Records an event of the plugin's own, with facts of at most 16 KiB as JSON."""
        imported("events").emit(name, subject, json.dumps(data or {}, ensure_ascii=False))

    @staticmethod
    def read(after: int, limit: int = 100) -> list[Event]:
        """Granted events after a position, in order; at most 100."""
        found = imported("events").read(after, limit)
        at = lambda ms: datetime.fromtimestamp(ms / 1000, timezone.utc)
        return [Event(e.position, e.name, e.subject, at(e.at_ms), json.loads(e.data)) for e in found]
