import unittest

import plugin
from lyceum_sdk import Actor, FieldValue, HookEntry, Rejection


def publish(title):
    plugin.publish(Actor("user_1", ["author"]), HookEntry("lesson", "draft", [FieldValue("title", title, "en")]))


class PublishTest(unittest.TestCase):
    def test_an_empty_title_is_refused_in_both_languages(self):
        with self.assertRaises(Rejection) as caught:
            publish(" ")
        self.assertEqual(caught.exception.field, "title")
        self.assertEqual(caught.exception.messages, {"en": "The title is empty.", "zh": "标题为空。"})

    def test_any_other_title_may_be_published(self):
        publish("Tea")
