"""A payment provider that survives being killed.

It speaks the protocol of docs/sandbox-gateway.md, as the gateway of `lyceum demo`
does, and writes down everything before it answers. The one of the demo keeps
its payments in memory: after a kill nobody could tell what was lost from what
was forgotten.

    python3 gateway.py PORT JOURNAL API_KEY WEBHOOK_SECRET
"""
import collections
import hashlib
import hmac
import http.server
import json
import os
import sys
import threading
import time
import urllib.parse
import urllib.request
import uuid

ACCOUNT = "acct_storm"
RETRY_SECONDS = (0, 1, 5, 30)
LATE_SECONDS = 10
DECISIONS = {"pay": ("paid", "payment.succeeded"), "decline": ("failed", "payment.failed"),
             "cancel": ("closed", "payment.closed")}


class Refusal(Exception):
    def __init__(self, status, code):
        super().__init__(code)
        self.status, self.code = status, code


class Books:
    """Payments, refunds and events, as the journal tells them."""

    def __init__(self, path):
        self.path, self.payments, self.refunds, self.events, self.references = path, {}, {}, {}, {}
        self.tries = collections.defaultdict(list)
        if os.path.exists(path):
            for line in open(path):
                # The last line of a process that was killed may be cut off.
                if line.endswith("\n"):
                    self.apply(json.loads(line))

    def apply(self, entry):
        for payment in entry.get("payments", []):
            self.payments[payment["merchantRef"]] = payment
            self.references[payment["id"]] = payment["merchantRef"]
        for refund in entry.get("refunds", []):
            self.refunds[refund["refundRef"]] = refund
        for event in entry.get("events", []):
            self.events[event["id"]] = event
        for event, status in entry.get("tries", []):
            self.tries[event].append(status)

    def acknowledged(self):
        return {event for event, tries in self.tries.items() if any(status and status < 300 for status in tries)}

    def undelivered(self):
        """Events that are to be sent, and were neither taken nor given up."""
        done = self.acknowledged()
        return [event for id, event in self.events.items() if id not in done and event["deliver"] != "never"
                and len(self.tries[id]) < len(RETRY_SECONDS)]


class Gateway(Books):
    def __init__(self, port, path, secret):
        cut_off_half_a_line(path)
        super().__init__(path)
        self.origin, self.secret = f"http://127.0.0.1:{port}", secret
        self.lock, self.flushed = threading.RLock(), threading.Event()
        self.journal = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for event in self.undelivered():
            self.send(event)

    def write(self, **entry):
        os.write(self.journal, (json.dumps(entry) + "\n").encode())
        self.apply(entry)

    def payment(self, reference):
        if reference not in self.payments:
            raise Refusal(404, "not_found")
        return self.payments[reference]

    def create(self, body):
        known = self.payments.get(body["merchantRef"])
        if known and any(known[name] != value for name, value in body.items()):
            raise Refusal(409, "idempotency_conflict")
        if not known:
            id = "pay_" + uuid.uuid4().hex
            known = {**body, "id": id, "status": "open", "payUrl": f"{self.origin}/pay/{id}", "refundedMinor": 0,
                     "createdMs": now(), "paidMs": None}
            self.write(payments=[known])
        return shown(known)

    def decide(self, payment, action, deliver):
        if payment["status"] != "open":
            return
        status, kind = DECISIONS[action]
        decided = {**payment, "status": status, "paidMs": now() if status == "paid" else None}
        events = [self.event(kind, decided, deliver, {"payment": shown(decided)})]
        if deliver == "out-of-order":
            earlier = {**payment, "status": "processing"}
            events.append(self.event("payment.processing", earlier, deliver, {"payment": shown(earlier)}))
        self.write(payments=[decided], events=events)
        for event in events:
            self.send(event)

    def close(self, payment):
        if payment["status"] == "paid":
            raise Refusal(409, "already_paid")
        self.decide(payment, "cancel", "normal")
        return shown(self.payment(payment["merchantRef"]))

    def refund(self, payment, body):
        known = self.refunds.get(body["refundRef"])
        if known:
            if (known["merchantRef"], known["amountMinor"]) != (payment["merchantRef"], body["amountMinor"]):
                raise Refusal(409, "idempotency_conflict")
            return shown(known)
        if payment["status"] != "paid":
            raise Refusal(409, "not_paid")
        left = payment["amountMinor"] - payment["refundedMinor"]
        if body["amountMinor"] > left:
            raise Refusal(409, "refund_exceeds_paid")
        refund = {"id": "ref_" + uuid.uuid4().hex, "refundRef": body["refundRef"], "status": "succeeded",
                  "merchantRef": payment["merchantRef"], "amountMinor": body["amountMinor"],
                  "currency": payment["currency"]}
        less = {**payment, "refundedMinor": payment["refundedMinor"] + body["amountMinor"]}
        event = self.event("refund.succeeded", less, "normal", {"refund": refund, "payment": shown(less)})
        self.write(payments=[less], refunds=[refund], events=[event])
        self.send(event)
        return shown(refund)

    def event(self, kind, payment, deliver, data):
        id = "evt_" + uuid.uuid4().hex
        body = {"id": id, "type": kind, "createdMs": now(), "account": ACCOUNT, "data": data}
        return {"id": id, "url": payment["notifyUrl"], "deliver": deliver, "body": json.dumps(body)}

    def send(self, event):
        if event["deliver"] != "never":
            for _ in range(2 if event["deliver"] == "twice" else 1):
                threading.Thread(target=self.deliver, args=(event,), daemon=True).start()

    def deliver(self, event):
        if event["deliver"] == "late":
            self.flushed.wait(LATE_SECONDS)
        for seconds in RETRY_SECONDS[len(self.tries[event["id"]]):]:
            time.sleep(seconds)
            status = self.post(event)
            with self.lock:
                self.write(tries=[[event["id"], status]])
            if status and status < 300:
                return

    def post(self, event):
        at = str(int(time.time()))
        digest = hmac.new(self.secret.encode(), f"{at}.{event['body']}".encode(), hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "Sandbox-Signature": f"t={at},v1={digest}"}
        request = urllib.request.Request(event["url"], event["body"].encode(), headers)
        try:
            return urllib.request.urlopen(request, timeout=10).status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None


def cut_off_half_a_line(path):
    """What was cut off was not answered, and the next line must begin on its own."""
    if os.path.exists(path):
        content = open(path, "rb").read()
        os.truncate(path, content.rfind(b"\n") + 1)


def now():
    return int(time.time() * 1000)


HIDDEN = ("returnUrl", "notifyUrl")


def shown(thing):
    return {name: value for name, value in thing.items() if name not in HIDDEN}


class Handler(http.server.BaseHTTPRequestHandler):
    gateway = api_key = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer(None)

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers.get("content-length", 0))))

    def answer(self, body):
        try:
            with self.gateway.lock:
                status, value, location = self.route(body)
        except Refusal as refusal:
            error = {"code": refusal.code, "message": refusal.code}
            status, value, location = refusal.status, {"error": error}, None
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(text)

    def route(self, body):
        path = self.path.strip("/").split("/")
        if path[0] == "pay":
            return self.press(path[1], dict(urllib.parse.parse_qsl((body or b"").decode())))
        if not hmac.compare_digest(self.headers.get("Authorization", ""), "Bearer " + self.api_key):
            raise Refusal(401, "unauthorized")
        if path == ["control", "flush"]:
            self.gateway.flushed.set()
            return 200, {}, None
        return 200, self.merchant(path[1:], json.loads(body) if body else None), None

    def merchant(self, path, body):
        gateway = self.gateway
        if path == ["payments"]:
            return gateway.create(body)
        if path[0] == "refunds" and path[1] in gateway.refunds:
            return shown(gateway.refunds[path[1]])
        if path[0] != "payments":
            raise Refusal(404, "not_found")
        payment = gateway.payment(path[1])
        if path[2:] == ["close"]:
            return gateway.close(payment)
        return gateway.refund(payment, body) if path[2:] == ["refunds"] else shown(payment)

    def press(self, id, form):
        payment = self.gateway.payment(self.gateway.references.get(id))
        self.gateway.decide(payment, form["action"], form.get("deliver", "normal"))
        to = payment["returnUrl"] + ("&" if "?" in payment["returnUrl"] else "?")
        return 303, {}, to + urllib.parse.urlencode({"merchantRef": payment["merchantRef"]})


class Server(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128


def main():
    port, journal, Handler.api_key, secret = sys.argv[1:]
    Handler.gateway = Gateway(int(port), journal, secret)
    Server(("127.0.0.1", int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main()
