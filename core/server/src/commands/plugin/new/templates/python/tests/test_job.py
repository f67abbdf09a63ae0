import unittest

from datetime import datetime, timezone

import plugin
from lyceum_sdk import Continue, Done, JobRun
from lyceum_sdk.testing import fake_host

RUN = JobRun("r1", "count", {}, 1, datetime.now(timezone.utc))


class CountTest(unittest.TestCase):
    def test_it_counts_to_three_in_three_steps(self):
        fake_host()
        self.assertEqual(plugin.count(RUN, None), Continue("1", progress=1 / 3))
        self.assertEqual(plugin.count(RUN, "1"), Continue("2", progress=2 / 3))
        self.assertEqual(plugin.count(RUN, "2"), Done({"counted": 3}))
