"""Payments at pay.example.com. What is not written yet says so."""

import json
import re

from lyceum_sdk import (
    Accepted, Account, Capabilities, InboundRequest, Money, NextAction, Order, PaymentError, PaymentEvent,
    PaymentProvider, Ref, Refused, Secret, Status, View, host, payment_provider,
)

API = "https://pay.example.com/v1/payments"
KEY = {"authorization": Secret("api_key", "Bearer ")}
STATES = {"open": Status("action-required"), "paid": Status("succeeded"), "closed": Status("closed")}


def view(payment: dict) -> View:
    state = payment["status"]
    about = Ref("payment", payment["merchantRef"])
    return View(about, STATES.get(state, Status("other", state)), state, next=NextAction("redirect", payment["payUrl"]))


@payment_provider
class Provider(PaymentProvider):
    def describe(self) -> Capabilities:
        return Capabilities(["redirect"], ["CNY"])

    def check_account(self, account: Account) -> None:
        if host.http.get(API, KEY).status == 401:
            raise PaymentError("credentials", "the key was refused")

    def create(self, account: Account, order: Order) -> View:
        asked = {"merchantRef": order.merchant_ref, "amount": order.amount.minor, "title": order.title}
        response = host.http.post(API, {**asked, "returnUrl": order.return_url, "notifyUrl": order.notify_url}, KEY)
        if response.status == 402:
            raise PaymentError("declined", "refused by the provider")
        if not response.ok:
            raise PaymentError("unknown", f"answered {response.status}")
        return view(response.json())

    def query(self, account: Account, about: Ref, parent: Ref | None) -> View:
        response = host.http.get(f"{API}/{about.merchant_ref}", KEY)
        if response.status == 404:
            return View(about, Status("not-found"), "")
        if not response.ok:
            raise PaymentError("unknown", f"answered {response.status}")
        return view(response.json())

    def close(self, account: Account, payment: Ref, op_ref: str) -> View:
        raise PaymentError("unsupported")

    def refund(self, account: Account, payment: Ref, refund_ref: str, amount: Money, paid: Money, reason: str) -> View:
        raise PaymentError("unsupported")

    def verify(self, account: Account, request: InboundRequest) -> Accepted:
        signature = request.header("x-signature") or ""
        if not re.fullmatch("([0-9a-f]{2})+", signature):
            raise Refused("bad-signature")
        if not host.crypto.verify("webhook_secret", "hmac-sha256", request.body, bytes.fromhex(signature)):
            raise Refused("bad-signature")
        said = json.loads(request.body)
        return Accepted([PaymentEvent(said["id"], "changed", Ref("payment", said["merchantRef"]))])

    def read_return(self, account: Account, request: InboundRequest) -> Ref:
        found = re.search("merchantRef=([0-9A-Z]+)", request.query)
        if found is None:
            raise Refused("malformed", "no reference")
        return Ref("payment", found.group(1))
