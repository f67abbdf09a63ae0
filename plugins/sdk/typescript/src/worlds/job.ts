import { answering, PluginError } from "../error.ts";
import { byName, type Ext, type Pairs } from "../pairs.ts";
import type { Plugin } from "../plugin.ts";

/** One run of a job. */
export interface JobRun<P = Record<string, unknown>> {
  /** The same over steps and retries. */
  id: string;
  name: string;
  /** What the caller gave; `{}` for a scheduled run. */
  payload: P;
  /** 1 for the first attempt at this step. */
  attempt: number;
  due: Date;
  ext: Ext;
}

/** How a step ended. */
export type JobOutcome =
  | { done: true; report?: unknown }
  | {
      done: false;
      /** Where to go on; at most 64 KiB. */
      resume: string;
      waitSeconds?: number;
      /** From 0 to 1, when known. */
      progress?: number;
      report?: unknown;
    };

/** Does one step. A step may be run twice: the token moves only when it ended well. */
export type JobStep = (run: JobRun, resume: string | undefined) => JobOutcome;

interface WireInput {
  id: string;
  name: string;
  payload: string;
  attempt: number;
  dueMs: number;
  ext: Pairs;
}

function wire(outcome: JobOutcome) {
  const report = outcome.report === undefined ? null : JSON.stringify(outcome.report);
  if (outcome.done) return { state: "done", resume: null, waitS: null, progress: null, report };
  const { resume, waitSeconds = null, progress = null } = outcome;
  return { state: "continue", resume, waitS: waitSeconds, progress, report };
}

/** The jobs of a plugin, by their names in the manifest. */
export function defineJobs(steps: Record<string, JobStep>): Plugin {
  const run = (input: WireInput, resume: string | null) => {
    const step = steps[input.name];
    if (step === undefined) throw new PluginError("invalid", `there is no job ${input.name}`);
    const { dueMs, payload, ext, ...rest } = input;
    const asked = { ...rest, due: new Date(dueMs), payload: JSON.parse(payload) as Record<string, unknown>, ext: byName(ext) };
    return wire(step(asked, resume ?? undefined));
  };
  return { job: { run: answering(run) } };
}
