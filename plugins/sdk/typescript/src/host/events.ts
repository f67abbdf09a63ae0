import { asking } from "../error.ts";
import { imported } from "./imports.ts";

export interface HostEvent<D = Record<string, unknown>> {
  /** Its place in the order of all events. */
  position: number;
  /** `course.published`; a plugin's own is `acme/badges.awarded`. */
  name: string;
  subject: string | undefined;
  at: Date;
  data: D;
}

/** What happened. Needs `[permissions.events]`. */
export const events = {
  /** Records an event of the plugin's own, with facts of at most 16 KiB as JSON. */
  emit(name: string, data: object = {}, subject?: string): void {
    asking(() => imported("events").emit(name, subject ?? null, JSON.stringify(data)));
  },
  /** Granted events after a position, in order; at most 100. */
  read(after: number, limit = 100): HostEvent[] {
    const found = asking(() => imported("events").read(after, limit));
    return found.map(({ position, name, subject, atMs, data }) => ({
      position,
      name,
      subject: subject ?? undefined,
      at: new Date(atMs),
      data: JSON.parse(data) as Record<string, unknown>,
    }));
  },
};
