"""What stands around a message, in English and in Chinese."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

from lyceum_sdk import Delivery


@dataclass(frozen=True)
class Words:
    hello: str
    hello_name: str
    footer: str
    #: What stands on the button, by template.
    buttons: dict[str, str]
    button: str


ENGLISH = Words(
    hello="Hello,",
    hello_name="Hello {name},",
    footer="This mail was sent automatically. If you did not expect it, you can ignore it.",
    buttons={"verify-email": "Confirm the address", "reset-password": "Choose a new password"},
    button="Open",
)
CHINESE = Words(
    hello="您好：",
    hello_name="{name}，您好：",
    footer="此邮件由系统自动发送。如非您本人操作，请忽略本邮件。",
    buttons={"verify-email": "确认邮箱地址", "reset-password": "设置新密码"},
    button="打开",
)

LINK = re.compile(r"https?://[^\s<>\"，。；！？）]+")


def words(locale: str) -> Words:
    return CHINESE if locale.lower().split("-")[0] == "zh" else ENGLISH


def _hello(delivery: Delivery) -> str:
    said = words(delivery.locale)
    return said.hello_name.format(name=delivery.name) if delivery.name else said.hello


def text(delivery: Delivery) -> str:
    """The text part."""
    return f"{_hello(delivery)}\n\n{delivery.text.strip()}\n\n-- \n{words(delivery.locale).footer}\n"


def html(delivery: Delivery) -> str:
    """The HTML part: the same words, addresses as links, and a button for the one to open."""
    said, language = words(delivery.locale), escape(delivery.locale, quote=True)
    paragraphs = re.split(r"\n\s*\n", delivery.text.strip())
    body = "".join(f"<p>{_linked(paragraph)}</p>" for paragraph in paragraphs)
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f"<title>{escape(delivery.subject)}</title></head>"
        '<body style="font-family:sans-serif;line-height:1.6;max-width:36em;margin:2em auto;padding:0 1em">'
        f"<p>{escape(_hello(delivery))}</p>{body}{_button(delivery, said)}"
        f'<p style="color:#767676;font-size:small">{escape(said.footer)}</p></body></html>\n'
    )


def _linked(paragraph: str) -> str:
    out, at = [], 0
    for link in LINK.finditer(paragraph):
        url = escape(link.group(), quote=True)
        out += [escape(paragraph[at : link.start()]), f'<a href="{url}">{url}</a>']
        at = link.end()
    return "".join([*out, escape(paragraph[at:])]).replace("\n", "<br>")


def _button(delivery: Delivery, said: Words) -> str:
    url = delivery.values.get("url", "")
    if not LINK.fullmatch(url):
        return ""
    style = "display:inline-block;padding:.6em 1.2em;background:#1a5fb4;color:#fff;text-decoration:none;border-radius:4px"
    label = said.buttons.get(delivery.template, said.button)
    return f'<p><a style="{style}" href="{escape(url, quote=True)}">{escape(label)}</a></p>'
