import unittest

from lyceum_sdk import HttpFailure, PluginError, Secret, host
from lyceum_sdk.testing import fake_host


class HostTest(unittest.TestCase):
    def test_a_line_is_written_with_its_fields(self):
        fake = fake_host()
        host.log.warn("late", after=3)
        self.assertEqual(fake.lines, [("warn", "late", [("after", "3")])])

    def test_the_store_keeps_values_and_lists_its_keys(self):
        fake_host()
        host.kv.set_json("a:1", {"n": 1})
        host.kv.set("a:2", "中")
        host.kv.set("b", b"")
        self.assertEqual(host.kv.get_json("a:1"), {"n": 1})
        self.assertEqual(host.kv.get("a:2"), "中".encode())
        self.assertIsNone(host.kv.get("c"))
        self.assertEqual(list(host.kv.keys("a:")), ["a:1", "a:2"])

    def test_keys_are_fetched_in_parts(self):
        fake = fake_host()
        fake.store.update({f"k{n:04}": b"" for n in range(2500)})
        self.assertEqual(len(list(host.kv.keys())), 2500)

    def test_a_secret_goes_into_a_header_by_its_name_only(self):
        fake = fake_host(http=lambda *_: (201, [("x-a", "1")], b'{"id":7}'))
        response = host.http.post("https://api.example/x", {"a": 1}, {"authorization": Secret("key", "Bearer ")})
        self.assertEqual((response.status, response.json(), response.headers), (201, {"id": 7}, {"x-a": "1"}))
        headers = [("authorization", Secret("key", "Bearer ")), ("content-type", "application/json")]
        self.assertEqual(fake.requests, [("POST", "https://api.example/x", headers, b'{"a": 1}')])

    def test_an_origin_that_is_not_granted_is_a_failure(self):
        fake_host()
        with self.assertRaises(HttpFailure) as caught:
            host.http.get("https://api.example")
        self.assertEqual(caught.exception.kind, "denied")

    def test_an_interface_that_the_manifest_does_not_ask_for_is_named(self):
        host.connect({})
        with self.assertRaisesRegex(RuntimeError, r"ask for it with \[permissions\.kv\] in plugin\.toml"):
            host.kv.get("x")

    def test_the_time_is_the_hosts(self):
        fake = fake_host(now_ms=1_700_000_000_000)
        self.assertEqual(host.now().isoformat(), "2023-11-14T22:13:20+00:00")
        fake.now_ms += 1000
        self.assertEqual(host.now().second, 21)

    def test_an_error_has_its_code(self):
        error = PluginError("unavailable", "busy", retryable=True)
        self.assertEqual((error.code, str(error), error.retryable), ("unavailable", "unavailable: busy", True))
