import { answering } from "../error.ts";
import { byName, toPairs, type Ext, type Pairs } from "../pairs.ts";
import type { Plugin } from "../plugin.ts";

/** A text to be judged. */
export interface ReviewItem {
  id: string;
  /** `comment`, and others later. */
  kind: string;
  /** A language tag, when known. */
  locale: string | undefined;
  /** The text as its author wrote it. */
  text: string;
  ext: Ext;
}

export interface Verdict {
  decision: "allow" | "hold" | "reject";
  /** Why: `spam`, `advertising`, `abuse`, `contact` … */
  labels?: string[];
  /** Sureness from 0 to 1; 1 when left out. */
  confidence?: number;
  /** For the person who decides. */
  note?: string;
  ext?: Ext;
}

export interface Moderator {
  /** What to think of one text. It does not depend on other texts. */
  review(item: ReviewItem): Verdict;
}

/** Nothing was found. */
export function allow(): Verdict {
  return { decision: "allow" };
}

/** A person must look. */
export function hold(labels: string[], confidence: number, note?: string): Verdict {
  return { decision: "hold", labels, confidence, ...(note === undefined ? {} : { note }) };
}

/** Not to be shown. */
export function reject(labels: string[], confidence: number, note?: string): Verdict {
  return { ...hold(labels, confidence, note), decision: "reject" };
}

type WireItem = Omit<ReviewItem, "locale" | "ext"> & { locale: string | null; ext: Pairs };

export function defineModerator(moderator: Moderator): Plugin {
  const review = (item: WireItem) => {
    const { decision, labels = [], confidence = 1, note = null, ext } = moderator.review({
      ...item,
      locale: item.locale ?? undefined,
      ext: byName(item.ext),
    });
    return { decision, labels, confidence, note, ext: toPairs(ext) };
  };
  return { moderator: { review: answering((items: WireItem[]) => items.map(review)) } };
}
