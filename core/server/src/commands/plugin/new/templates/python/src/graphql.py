"""Adds ``textLength`` to lessons."""

from lyceum_sdk import FieldRequest, resolver


@resolver("Lesson", "textLength")
def text_length(parent: dict, request: FieldRequest) -> int | None:
    body = parent.get("body")
    return None if body is None else len(body)
