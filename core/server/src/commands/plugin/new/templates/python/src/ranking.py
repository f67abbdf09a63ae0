"""Shows the newest first."""

from lyceum_sdk import RankContext, ranker


@ranker("age-hours")
def rank(context: RankContext, columns: dict) -> list[float]:
    return [-age for age in columns["age-hours"]]
