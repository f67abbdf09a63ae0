import unittest

import plugin
from lyceum_sdk import FieldRequest

REQUEST = FieldRequest("Lesson", "textLength", {}, "en")


class TextLengthTest(unittest.TestCase):
    def test_characters_are_counted(self):
        self.assertEqual(plugin.text_length({"id": "a", "body": "茶 tea"}, REQUEST), 5)

    def test_a_hidden_text_has_no_length(self):
        self.assertIsNone(plugin.text_length({"id": "b", "body": None}, REQUEST))
