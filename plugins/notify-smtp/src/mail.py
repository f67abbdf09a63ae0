"""One mail as bytes: UTF-8, a text and an HTML part, in the recipient's language."""

from __future__ import annotations

# A component has no files, so what the library would import later is imported now.
import email.contentmanager  # noqa: F401
import email.generator  # noqa: F401
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from lyceum_sdk import Delivery

from layout import html, text


@dataclass(frozen=True)
class Sender:
    address: str
    name: str = ""
    reply_to: str | None = None


def domain_of(address: str) -> str:
    """What stands after the last ``@``, or nothing when it is no address."""
    user, at, domain = address.rpartition("@")
    plain = all(character.isprintable() and character not in " <>,;" for character in address)
    return domain if at and user and "." in domain and plain else ""


def compose(delivery: Delivery, sender: Sender, at: datetime) -> bytes:
    """The whole message of RFC 5322. The same delivery has the same Message-ID,
    so that a repeated one can be told. Raises ``ValueError`` for a wrong address."""
    message = EmailMessage(policy=SMTP)
    message["From"] = _address(sender.name, sender.address)
    message["To"] = _address(delivery.name or "", delivery.address)
    if sender.reply_to:
        message["Reply-To"] = _address("", sender.reply_to)
    message["Subject"] = " ".join(delivery.subject.split())
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{_token(delivery.id)}@{domain_of(sender.address)}>"
    # RFC 3834: nobody's holiday answer comes back.
    message["Auto-Submitted"] = "auto-generated"
    # Not every server takes eight bits.
    message.set_content(text(delivery), cte="quoted-printable")
    message.add_alternative(html(delivery), subtype="html", cte="quoted-printable")
    message["Content-Language"] = _token(delivery.locale)
    return message.as_bytes()


def _address(name: str, address: str) -> Address:
    if not domain_of(address):
        raise ValueError(f"{address!r} is no mail address")
    shown = " ".join(name.split())
    user, _, domain = address.rpartition("@")
    return Address(shown, user, domain)


def _token(word: str) -> str:
    """A word that is safe within a header."""
    return "".join(character for character in word if character.isascii() and (character.isalnum() or character in "-_."))
