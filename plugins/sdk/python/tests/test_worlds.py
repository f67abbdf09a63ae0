import unittest
from types import SimpleNamespace as Wire

import lyceum_sdk as sdk
from lyceum_sdk.errors import Answer, WireError
from lyceum_sdk.registry import EXPORTS, call
from lyceum_sdk.wire import Bad, Case, Ok


class WorldTest(unittest.TestCase):
    def setUp(self):
        EXPORTS.clear()

    def answered(self, *values):
        with self.assertRaises(Answer) as caught:
            call(*values)
        return caught.exception.value

    def test_a_moderators_verdicts_are_made_whole(self):
        @sdk.moderator
        def review(item):
            return sdk.hold(["spam"], 0.5, item.ext["a"]) if item.locale is None else sdk.allow()

        item = Wire(id="1", kind="comment", locale=None, text="x", ext=[("a", "b")])
        self.assertEqual(call("moderator", "review", [item]), [sdk.Verdict("hold", ["spam"], 0.5, "b", [])])
        self.assertEqual(review(sdk.ReviewItem("1", "comment", "x", "en")), sdk.allow())

    def test_a_ranker_has_its_columns_by_name_and_refuses_short_ones(self):
        @sdk.ranker("comments")
        def rank(context, columns):
            return [n + context.now.timestamp() for n in columns["comments"]]

        column = Wire(name="comments", values=Case("u32s", [3, 4]))
        context = Wire(surface="s", locale="en", now_ms=1000, count=2, ext=[])
        self.assertEqual(call("ranker", "columns"), ["comments"])
        self.assertEqual(call("ranker", "rank", context, [column]), [4.0, 5.0])
        context.count = 3
        error = self.answered("ranker", "rank", context, [column])
        self.assertEqual(error, WireError("invalid", "the column comments has not 3 values", False))

    def test_a_before_hook_changes_fields_or_refuses_with_a_message(self):
        @sdk.before("create")
        def slug(actor, entry):
            return [sdk.FieldValue("slug", sdk.value_of(entry.fields, "title", "en").lower())]

        @sdk.before("publish")
        def refuse(actor, entry):
            raise sdk.Rejection({"en": "no", "zh": "不行"}, "title")

        actor = Wire(user="u1", roles=["author"], plugin=None)
        field = Wire(field="title", locale="en", value='"Hi"')
        entry = Wire(type_name="lesson", id=None, status="draft", fields=[field], ext=[])
        (changed,) = call("before_hooks", "before_create", actor, entry)
        self.assertEqual((changed.field, changed.locale, changed.value), ("slug", None, '"hi"'))
        self.assertEqual(call("before_hooks", "before_update", actor, entry, []), [])
        rejected = self.answered("before_hooks", "before_publish", actor, entry)
        self.assertEqual((rejected.field, rejected.messages), ("title", [("en", "no"), ("zh", "不行")]))

    def test_an_after_hook_is_given_the_fact_and_may_fail_for_now(self):
        seen = []

        @sdk.after("publish")
        def published(fact):
            seen.append(fact)
            raise sdk.PluginError("unavailable", "later", True)

        actor = Wire(user=None, roles=[], plugin="a/b")
        fact = Wire(event="e1", type_name="lesson", id="l1", actor=actor, at_ms=5000, entry=None)
        error = self.answered("after_hooks", "after_publish", fact)
        self.assertEqual(error, WireError("unavailable", "later", True))
        self.assertEqual((seen[0].at.timestamp(), seen[0].actor.plugin), (5.0, "a/b"))
        self.assertIsNone(call("after_hooks", "after_delete", fact))

    def test_a_notifier_answers_for_each_delivery_also_when_it_raises(self):
        @sdk.notifier("sms")
        def deliver(delivery):
            if delivery.address == "x":
                raise sdk.PluginError("unavailable", "busy", True)
            if delivery.address == "y":
                raise sdk.HttpFailure("maybe-sent", "reset")
            return sdk.sent(delivery.values["code"])

        fields = dict(channel="sms", name=None, locale="zh", template="test", subject="", text="", ext=[])
        batch = [Wire(id="1", address="+86", values=[("code", "9")], **fields), Wire(id="2", address="x", values=[], **fields)]
        batch.append(Wire(id="3", address="y", values=[], **fields))
        good, bad, lost = call("notifier", "deliver", batch)
        self.assertEqual(good, sdk.DeliveryResult("sent", "9", id="1"))
        self.assertEqual(bad, sdk.DeliveryResult("retry", note="unavailable: busy", id="2"))
        self.assertEqual(lost, sdk.DeliveryResult("retry", note="unavailable: maybe-sent: reset", id="3"))
        self.assertEqual(call("notifier", "channels"), ["sms"])

    def test_a_provider_of_sign_in_is_described_by_what_it_can_do(self):
        @sdk.auth_provider(en="Sign in")
        class Provider:
            def begin(self, start):
                return sdk.Way(f"https://id.example/?state={start.state}")

            def complete(self, callback):
                return sdk.Identity(callback.params["code"])

        about = call("auth_provider", "describe")
        self.assertEqual((about.labels, about.refreshes), ([("en", "Sign in")], False))
        start = Wire(redirect_uri="", state="s", nonce="", code_challenge="", locale="en", ext=[])
        self.assertEqual(call("auth_provider", "begin", start), sdk.Way("https://id.example/?state=s"))
        back = Wire(params=[("code", "7")], redirect_uri="", nonce="", code_verifier="", keep="")
        self.assertEqual(call("auth_provider", "complete", back).subject, "7")
        self.assertEqual(self.answered("auth_provider", "refresh", "").code, "unsupported")

    def test_a_job_goes_on_where_its_last_step_ended(self):
        @sdk.job("sweep")
        def sweep(run, resume):
            return sdk.Continue(str(run.payload["from"]), progress=0.5) if resume is None else sdk.Done({"at": resume})

        wire = Wire(id="1", name="sweep", payload='{"from":3}', attempt=1, due_ms=0, ext=[])
        first, last = call("job", "run", wire, None), call("job", "run", wire, "3")
        self.assertEqual((first.state, first.resume, first.progress, first.report), ("continue", "3", 0.5, None))
        self.assertEqual((last.state, last.resume, last.report), ("done", None, '{"at": "3"}'))
        wire.name = "other"
        self.assertEqual(self.answered("job", "run", wire, None), WireError("invalid", "there is no job other", False))

    def test_one_parents_error_leaves_the_other_parents_alone(self):
        @sdk.resolver("Lesson", "length")
        def length(parent, request):
            return len(parent["body"])

        request = Wire(type_name="Lesson", field="length", args="{}", locale="en", viewer=None, ext=[])
        good, bad = call("field_resolver", "resolve_batch", request, ['{"id":"1","body":"abc"}', '{"id":"2","body":null}'])
        self.assertEqual(good, Ok("3"))
        self.assertIsInstance(bad, Bad)
        self.assertEqual(bad.value.code, "internal")

    def test_a_lifecycle_may_be_left_out_in_parts(self):
        @sdk.configure
        def look(config):
            return [] if config.get("url") else [sdk.FieldError("/url", "is missing")]

        self.assertIsNone(call("lifecycle", "health"))
        self.assertIsNone(call("lifecycle", "configure", '{"url":"x"}'))
        self.assertEqual(self.answered("lifecycle", "configure", "{}"), [sdk.FieldError("/url", "is missing")])


class Sandbox(sdk.PaymentProvider):
    def describe(self):
        return sdk.Capabilities(["redirect"], ["CNY"])

    def check_account(self, account):
        raise sdk.HttpFailure("maybe-sent", "reset")

    def create(self, account, order):
        return sdk.View(sdk.Ref("payment", order.merchant_ref), sdk.Status("processing"), "new")

    def query(self, account, about, parent):
        raise sdk.PaymentError("rate-limited", 7)

    def close(self, account, payment, op_ref):
        raise sdk.HttpFailure("not-sent", "no route")

    def refund(self, account, payment, refund_ref, amount, paid, reason):
        raise ZeroDivisionError("bug")

    def verify(self, account, request):
        raise sdk.Refused("bad-signature")

    def read_return(self, account, request):
        raise sdk.Refused("malformed", "no reference")


class PaymentTest(unittest.TestCase):
    def setUp(self):
        EXPORTS.clear()
        sdk.payment_provider(Sandbox)

    def test_what_may_have_happened_is_unknown(self):
        def tag(*values):
            with self.assertRaises(Answer) as caught:
                call("provider", *values)
            return caught.exception.value.tag, caught.exception.value.value

        self.assertEqual(tag("check_account", None), ("unknown", "maybe-sent: reset"))
        self.assertEqual(tag("close", None, None, ""), ("not-sent", "not-sent: no route"))
        self.assertEqual(tag("query", None, None, None), ("rate-limited", 7))
        self.assertEqual(tag("refund", *[None] * 6), ("unknown", "ZeroDivisionError: bug"))
        self.assertEqual(tag("capture", *[None] * 4), ("unsupported", None))

    def test_a_refused_request_carries_its_answer(self):
        with self.assertRaises(Answer) as caught:
            call("inbound", "verify", None, None)
        self.assertEqual(caught.exception.value.why.tag, "bad-signature")
        self.assertEqual(caught.exception.value.answer, sdk.Reply(400))

    def test_a_view_needs_only_what_is_known(self):
        order = sdk.Order("R", sdk.Money("CNY", 1), "redirect", "t", False, 0, "", "")
        view = call("provider", "create", None, order)
        self.assertEqual((view.about, view.status, view.next.tag), (sdk.Ref("payment", "R"), sdk.Status("processing"), "none"))
