import email
import json
import pathlib
import unittest
from email.policy import default

import plugin
from lyceum_sdk import Delivery, DeliveryResult, FieldError, PluginError
from lyceum_sdk.registry import call
from lyceum_sdk.testing import fake_host

CONFIG = {"server": "smtps://mail.example.com:465", "user": "lyceum", "from": "no-reply@example.com", "from-name": "书院"}
VERIFY = Delivery(
    id="01HZ",
    channel="mail",
    address="lin@example.org",
    name="小林",
    locale="zh-CN",
    template="verify-email",
    subject="请确认您的邮箱",
    text="请打开此链接：https://example.com/v?t=a&b=c\n\n链接一小时内有效。",
    values={"url": "https://example.com/v?t=a&b=c"},
)


def sent_mail(delivery, config=CONFIG):
    """The mail that a delivery becomes, read as a mail program reads it."""
    fake = fake_host(config, now_ms=1_700_000_000_000, secrets=("password",))
    result = plugin.deliver(delivery)
    assert result == DeliveryResult("sent", "250 ok"), result
    (envelope,) = fake.mails
    return envelope, email.message_from_bytes(envelope.message, policy=default)


def schema():
    return json.loads(pathlib.Path(__file__).parents[1].joinpath("config.schema.json").read_text())


def content(mail, kind):
    return mail.get_body([kind]).get_content().replace("\r\n", "\n")


class DeliverTest(unittest.TestCase):
    def test_the_envelope_names_server_account_and_secret(self):
        envelope, _ = sent_mail(VERIFY)
        self.assertEqual(envelope.server, "smtps://mail.example.com:465")
        self.assertEqual(envelope.login, ("lyceum", "password"))
        self.assertEqual((envelope.sender, envelope.recipients), ("no-reply@example.com", ["lin@example.org"]))

    def test_the_headers_say_who_what_and_when(self):
        _, mail = sent_mail(VERIFY, {**CONFIG, "reply-to": "help@example.com"})
        self.assertEqual(mail["From"].addresses[0].display_name, "书院")
        self.assertEqual(mail["To"].addresses[0].addr_spec, "lin@example.org")
        self.assertEqual(mail["Reply-To"], "help@example.com")
        self.assertEqual(mail["Subject"], "请确认您的邮箱")
        self.assertEqual(mail["Date"], "Tue, 14 Nov 2023 22:13:20 +0000")
        self.assertEqual(mail["Message-ID"], "<01HZ@example.com>")
        self.assertEqual(mail["Auto-Submitted"], "auto-generated")
        self.assertEqual(mail["Content-Language"], "zh-CN")

    def test_the_message_is_plain_ascii(self):
        envelope, _ = sent_mail(VERIFY)
        self.assertTrue(envelope.message.isascii())

    def test_both_parts_are_in_the_recipients_language(self):
        _, mail = sent_mail(VERIFY)
        text, html = content(mail, "plain"), content(mail, "html")
        self.assertTrue(text.startswith("小林，您好：\n\n请打开此链接：https://example.com/v?t=a&b=c\n"))
        self.assertIn("如非您本人操作", text)
        self.assertIn('<a href="https://example.com/v?t=a&amp;b=c">https://example.com/v?t=a&amp;b=c</a>', html)
        self.assertIn(">确认邮箱地址</a>", html)
        self.assertIn('lang="zh-CN"', html)

    def test_english_is_for_everybody_else(self):
        _, mail = sent_mail(Delivery("1", "mail", "a@example.org", "Hi", "Text", "fr"))
        self.assertTrue(content(mail, "plain").startswith("Hello,\n\nText\n"))

    def test_markup_in_a_text_stays_text(self):
        _, mail = sent_mail(Delivery("1", "mail", "a@example.org", "Hi", "<script>x</script>", "en", name="<b>"))
        html = content(mail, "html")
        self.assertIn("&lt;script&gt;x&lt;/script&gt;", html)
        self.assertIn("Hello &lt;b&gt;,", html)

    def test_a_button_goes_only_to_a_web_address(self):
        _, mail = sent_mail(Delivery("1", "mail", "a@example.org", "Hi", "T", values={"url": "javascript:alert(1)"}))
        self.assertNotIn("javascript", content(mail, "html"))

    def test_a_line_break_makes_no_further_header(self):
        _, mail = sent_mail(Delivery("1", "mail", "a@example.org", "Hi\r\nBcc: all@example.org", "T", name="A\r\nB: c"))
        self.assertEqual(mail["Subject"], "Hi Bcc: all@example.org")
        self.assertIsNone(mail["Bcc"])
        self.assertIsNone(mail["B"])

    def test_a_wrong_address_fails_for_good(self):
        for address in ("nobody", "a@b", "a@example.org\r\nBcc: x@y.z", "a b@example.org", "@example.org"):
            fake = fake_host(CONFIG)
            self.assertEqual(plugin.deliver(Delivery("1", "mail", address, "s", "t")).status, "failed", address)
            self.assertEqual(fake.mails, [])

    def test_the_servers_answer_decides_whether_it_is_tried_again(self):
        for code, status in (("rejected", "failed"), ("invalid", "failed"), ("unavailable", "retry"), ("denied", "retry")):

            def refuse(envelope, code=code):
                raise PluginError(code, "550 no")

            fake_host(CONFIG, smtp=refuse)
            result = plugin.deliver(VERIFY)
            self.assertEqual((result.status, result.note), (status, f"{code}: 550 no"))

    def test_a_server_may_take_mail_from_anybody(self):
        config = {name: value for name, value in CONFIG.items() if name != "user"}
        envelope, _ = sent_mail(VERIFY, config)
        self.assertIsNone(envelope.login)


class ConfigureTest(unittest.TestCase):
    def test_an_account_needs_its_password(self):
        fake_host(secrets=())
        self.assertEqual(plugin.look(CONFIG), [FieldError("/user", "needs the secret `password`: set it first")])
        fake_host(secrets=("password",))
        self.assertEqual(plugin.look(CONFIG), [])

    def test_a_wrong_address_is_named(self):
        fake_host(secrets=("password",))
        self.assertEqual(plugin.look({**CONFIG, "from": "me@here"}), [FieldError("/from", "is no mail address")])

    def test_the_schema_knows_every_key(self):
        self.assertEqual(set(schema()["properties"]), {"server", "user", "from", "from-name", "reply-to"})

    def test_a_server_has_a_name_or_an_address_and_a_port(self):
        pattern = schema()["properties"]["server"]["pattern"]
        for server in ("smtps://mail.example.com:465", "smtp://127.0.0.1:2525", "smtp://localhost:25", "smtp://[::1]:25"):
            self.assertRegex(server, pattern)
        for wrong in ("smtp://127.0.0.1", "https://example.com:465", "smtp://::1:25", "smtp://a/b:25", "smtp://[x]:25"):
            self.assertNotRegex(wrong, pattern)


class ExportTest(unittest.TestCase):
    def test_it_serves_mail(self):
        self.assertEqual(call("notifier", "channels"), ["mail"])
