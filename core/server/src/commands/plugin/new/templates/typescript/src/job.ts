/** Counts to three, one step at a time. */
import { defineJobs, host } from "@lyceum/sdk";

export default defineJobs({
  count(run, resume) {
    const n = Number(resume ?? 0) + 1;
    host.log.info(`${run.name} is at ${n}`);
    if (n >= 3) return { done: true, report: { counted: n } };
    return { done: false, resume: String(n), progress: n / 3 };
  },
});
