import unittest

import plugin
from lyceum_sdk import Delivery, Secret, retry, sent
from lyceum_sdk.testing import fake_host

MESSAGE = Delivery("d1", "push", "device", "你好", "新课上线", "zh-CN")


class DeliverTest(unittest.TestCase):
    def test_a_message_is_sent_with_the_key_by_its_name(self):
        fake = fake_host(http=lambda *_: (200, [], b""))
        self.assertEqual(plugin.deliver(MESSAGE), sent())
        self.assertIn(("authorization", Secret("api_key", "Bearer ")), fake.requests[0][2])

    def test_a_service_that_is_down_is_tried_again(self):
        fake_host(http=lambda *_: (503, [], b""))
        self.assertEqual(plugin.deliver(MESSAGE), retry("the service answered 503"))
