import unittest

from datetime import datetime, timezone

import plugin
from lyceum_sdk import RankContext


class RankTest(unittest.TestCase):
    def test_the_newest_comes_first(self):
        context = RankContext("recommended-courses", "en", datetime.now(timezone.utc), 3)
        self.assertEqual(plugin.rank(context, {"age-hours": [2.0, 1.0, 3.0]}), [-2.0, -1.0, -3.0])
