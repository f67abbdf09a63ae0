"""Counts to three, one step at a time."""

from lyceum_sdk import Continue, Done, JobRun, host, job


@job("count")
def count(run: JobRun, resume: str | None) -> Done | Continue:
    n = int(resume or 0) + 1
    host.log.info(f"{run.name} is at {n}")
    return Done({"counted": n}) if n >= 3 else Continue(str(n), progress=n / 3)
