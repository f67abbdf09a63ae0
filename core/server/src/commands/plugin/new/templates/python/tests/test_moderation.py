import unittest

import plugin
from lyceum_sdk import ReviewItem, allow, hold


class ReviewTest(unittest.TestCase):
    def test_an_offer_is_held(self):
        verdict = plugin.review(ReviewItem("1", "comment", "Buy followers here"))
        self.assertEqual(verdict, hold(["spam"], 0.9, "found: buy followers"))

    def test_a_friendly_text_is_allowed(self):
        self.assertEqual(plugin.review(ReviewItem("1", "comment", "谢谢老师")), allow())
