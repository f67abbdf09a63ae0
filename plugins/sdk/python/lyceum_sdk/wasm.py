"""What ``lyceum plugin build`` puts around a plugin: it connects the host's
interfaces, and makes a class for each export. A plugin does not import it.

**Danger:** a component has no operating system. Its clock would end the call and
its randomness would be the same in every instance; both come from the host.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import random
import time
from types import ModuleType, SimpleNamespace
from typing import Any, Callable, Mapping

from . import host
from .errors import Answer, CryptoFailure, HttpFailure, PluginError
from .host import Secret
from .registry import EXPORTS
from .wire import Bad, Case, Ok

_shapes: list[ModuleType] = []
_seeded = False


def start(imports: Mapping[str, ModuleType], shapes: tuple[str, ...]) -> None:
    """Takes the generated modules of the imports, and the names of those with shapes."""
    _shapes.append(importlib.import_module("componentize_py_types"))
    for name in shapes:
        try:
            _shapes.append(importlib.import_module(name))
        except ModuleNotFoundError:
            continue
    host.connect({name: _adapted(name, module) for name, module in imports.items()})
    _repair()


def exported(plugin: ModuleType, interface: str) -> type:
    """A class with the functions of an interface."""
    functions = EXPORTS.get(interface)
    if functions is None:
        raise RuntimeError(f"{plugin.__name__}.py has no function for `{interface}`, which plugin.toml says that it implements")
    return type(interface, (), {name: _method(function) for name, function in functions.items()})


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    err = _shape("Err")

    def method(_self: Any, *values: Any) -> Any:
        _seed()
        try:
            return lower(function(*values))
        except Answer as answer:
            raise err(lower(answer.value)) from answer

    return method


def _shape(name: str) -> Any:
    for module in _shapes:
        if hasattr(module, name):
            return getattr(module, name)
    raise RuntimeError(f"no interface of the plugin has a shape {name}")


def lower(value: Any) -> Any:
    """A value of the SDK, as the generated bindings take it."""
    if isinstance(value, (list, tuple)):
        return type(value)(lower(inner) for inner in value)
    if isinstance(value, Case):
        made = _shape(f"{type(value).__name__}_{_pascal(value.tag)}")
        return made(lower(value.value)) if dataclasses.fields(made) else made()
    if isinstance(value, Ok):
        return _shape("Ok")(lower(value.value))
    if isinstance(value, Bad):
        return _shape("Err")(lower(value.value))
    if dataclasses.is_dataclass(value):
        return SimpleNamespace(**{f.name: lower(getattr(value, f.name)) for f in dataclasses.fields(value)})
    return value


def _pascal(tag: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in tag.split("-"))


def _tag(value: Any) -> str:
    """``maybe-sent`` of ``Failure_MaybeSent``."""
    name = type(value).__name__.rpartition("_")[2]
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")


def _asking(function: Callable[..., Any], failure: type[Exception] | None = None) -> Callable[..., Any]:
    """Calls the host; its error is raised as one of the SDK."""

    def asked(*values: Any) -> Any:
        try:
            return function(*values)
        except Exception as error:
            value = getattr(error, "value", None)
            if failure is not None and "_" in type(value).__name__:
                raise failure(_tag(value), str(getattr(value, "value", ""))) from error
            if hasattr(value, "retryable"):
                raise PluginError(value.code, value.message, value.retryable) from error
            raise

    return asked


def _adapted(name: str, module: ModuleType) -> Any:
    """An interface with plain arguments, as :mod:`lyceum_sdk.host` calls it."""
    special = {"log": _log, "http": _http, "smtp": _smtp, "content-read": _content_read}
    if name in special:
        return special[name](module)
    failure = CryptoFailure if name == "crypto" else None
    functions = {key: value for key, value in vars(module).items() if callable(value) and not isinstance(value, type)}
    return SimpleNamespace(**{key: _asking(value, failure) for key, value in functions.items()})


def _log(module: Any) -> Any:
    return SimpleNamespace(write=lambda level, message, fields: module.write(module.Level[level.upper()], message, fields))


def _http(module: Any) -> Any:
    send = _asking(module.send, HttpFailure)

    def value(given: str | Secret) -> Any:
        if isinstance(given, Secret):
            return module.HeaderValue_Secret((given.prefix, given.name))
        return module.HeaderValue_Plain(given)

    def sent(method: str, url: str, headers: list[tuple[str, str | Secret]], body: bytes) -> tuple[int, Any, bytes]:
        response = send(module.Request(method, url, [(name, value(given)) for name, given in headers], body))
        return response.status, response.headers, response.body

    return SimpleNamespace(send=sent)


def _smtp(module: Any) -> Any:
    send = _asking(module.send)

    def sent(server: str, login: tuple[str, str] | None, sender: str, recipients: list[str], message: bytes) -> str:
        account = None if login is None else module.Login(*login)
        return send(module.Envelope(server, account, sender, recipients, message))

    return SimpleNamespace(send=sent)


def _content_read(module: Any) -> Any:
    query, get = _asking(module.list), _asking(module.get)
    return SimpleNamespace(get=get, list=lambda *values: query(module.Query(*values)))


def _repair() -> None:
    """Puts the host in the place of what the component lacks."""
    if host.has("clock"):
        time.time = lambda: host.imported("clock").now_ms() / 1000
        time.time_ns = lambda: host.imported("clock").now_ms() * 1_000_000
    if host.has("random"):
        os.urandom = host.random_bytes


def _seed() -> None:
    """An instance is a copy of the built one, with its generator as it was then."""
    global _seeded
    if not _seeded and host.has("random"):
        random.seed(host.random_bytes(16))
    _seeded = True
