import unittest

import plugin
from lyceum_sdk import Account, HttpFailure, InboundRequest, Money, NextAction, Order, Refused, Status
from lyceum_sdk.errors import Answer
from lyceum_sdk.registry import call
from lyceum_sdk.testing import fake_host

ACCOUNT = Account("a", False, [])
ORDER = Order("REF00000000000000001", Money("CNY", 9900), "redirect", "茶", False, 0, "", "")


class ProviderTest(unittest.TestCase):
    def test_a_created_payment_says_where_to_pay(self):
        body = b'{"merchantRef":"REF00000000000000001","status":"open","payUrl":"https://pay.example.com/p"}'
        fake_host(http=lambda *_: (200, [], body))
        view = plugin.Provider().create(ACCOUNT, ORDER)
        self.assertEqual(view.status, Status("action-required"))
        self.assertEqual(view.next, NextAction("redirect", "https://pay.example.com/p"))

    def test_a_lost_answer_may_have_had_its_effect(self):
        def lost(*_):
            raise HttpFailure("maybe-sent", "reset")

        fake_host(http=lost)
        with self.assertRaises(Answer) as caught:
            call("provider", "create", ACCOUNT, ORDER)
        self.assertEqual(caught.exception.value.tag, "unknown")

    def test_a_request_without_a_signature_is_refused(self):
        with self.assertRaises(Refused) as caught:
            plugin.Provider().verify(ACCOUNT, InboundRequest("POST", "/", "", [], b"{}", 0))
        self.assertEqual(caught.exception.why.tag, "bad-signature")
