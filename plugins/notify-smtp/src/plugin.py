"""Sends mails through the owner's mail server.

This plugin composes the message; the host connects, signs in and hands it over.
The password never comes here.
"""

from lyceum_sdk import Delivery, DeliveryResult, FieldError, PluginError, configure, failed, host, notifier, retry, sent

from mail import Sender, compose, domain_of


@notifier("mail")
def deliver(delivery: Delivery) -> DeliveryResult:
    config = host.config()
    sender = Sender(config["from"], config.get("from-name", ""), config.get("reply-to"))
    try:
        message = compose(delivery, sender, host.now())
    except ValueError as problem:
        return failed(f"the mail cannot be composed: {problem}")
    login = (config["user"], "password") if config.get("user") else None
    try:
        answer = host.smtp.send(config["server"], sender.address, [delivery.address], message, login)
    except PluginError as error:
        note = f"{error.code}: {error.message}"
        return failed(note) if error.code in ("rejected", "invalid") else retry(note)
    host.log.info("mail handed over", delivery=delivery.id, template=delivery.template)
    return sent(answer)


@configure
def look(config: dict) -> list[FieldError]:
    """The schema checks the form; this checks what a pattern cannot."""
    problems = []
    for name in ("from", "reply-to"):
        if name in config and not domain_of(config[name]):
            problems.append(FieldError(f"/{name}", "is no mail address"))
    if config.get("user") and not host.has_secret("password"):
        problems.append(FieldError("/user", "needs the secret `password`: set it first"))
    return problems
