"""Push messages through push.example.com."""

from lyceum_sdk import Delivery, DeliveryResult, Secret, failed, host, notifier, retry, sent


@notifier("push")
def deliver(delivery: Delivery) -> DeliveryResult:
    body = {"id": delivery.id, "to": delivery.address, "title": delivery.subject, "text": delivery.text}
    headers = {"authorization": Secret("api_key", "Bearer ")}
    response = host.http.post("https://push.example.com/v1/messages", body, headers)
    if response.ok:
        return sent()
    note = f"the service answered {response.status}"
    return retry(note) if response.status >= 500 else failed(note)
