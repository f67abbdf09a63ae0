"""Publishes nothing whose title is empty."""

from lyceum_sdk import Actor, HookEntry, Rejection, before


@before("publish")
def publish(actor: Actor, entry: HookEntry) -> None:
    titles = [field.value for field in entry.fields if field.field == "title"]
    if any(not str(title).strip() for title in titles):
        raise Rejection({"en": "The title is empty.", "zh": "标题为空。"}, "title")
