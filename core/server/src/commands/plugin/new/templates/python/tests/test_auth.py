import unittest

import plugin
from lyceum_sdk import Callback, Identity, Start
from lyceum_sdk.testing import fake_host


class SignInTest(unittest.TestCase):
    def test_a_person_is_sent_to_the_provider_with_the_state(self):
        way = plugin.Provider().begin(Start("https://a.example/back", "s", "n", "c"))
        self.assertIn("state=s", way.url)

    def test_who_came_back_is_asked_at_the_provider(self):
        fake_host(http=lambda *_: (200, [], b'{"id":"7","email":"lin@example.org"}'))
        identity = plugin.Provider().complete(Callback({"code": "x"}, "", "n", "v"))
        self.assertEqual(identity, Identity("7", email="lin@example.org"))
