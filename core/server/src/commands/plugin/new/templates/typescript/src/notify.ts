/** Push messages through push.example.com. */
import { defineNotifier, host, secret } from "@lyceum/sdk";

export default defineNotifier({
  channels: ["push"],
  deliver(delivery) {
    const body = { id: delivery.id, to: delivery.address, title: delivery.subject, text: delivery.text };
    const response = host.http.post("https://push.example.com/v1/messages", body, {
      authorization: secret("api_key", "Bearer "),
    });
    if (response.ok) return { status: "sent" };
    const note = `the service answered ${response.status}`;
    return { status: response.status >= 500 ? "retry" : "failed", note };
  },
});
