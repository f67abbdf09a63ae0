"""Holds texts that offer followers for sale."""

from lyceum_sdk import ReviewItem, Verdict, allow, hold, moderator

WORDS = ("buy followers", "刷粉")


@moderator
def review(item: ReviewItem) -> Verdict:
    text = item.text.lower()
    for word in WORDS:
        if word in text:
            return hold(["spam"], 0.9, f"found: {word}")
    return allow()
