// Random choices that a seed repeats.

export const SEED = Number(process.env.LYCEUM_ORACLE_SEED ?? 20260101);
export const COUNT = Number(process.env.LYCEUM_ORACLE_COUNT ?? 3000);

/** The mulberry32 generator, with the choices that the generators make. */
export class Random {
  constructor(seed) {
    this.state = seed >>> 0;
  }

  /** A number in [0, 1). */
  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** An integer from `low` to `high`, both included. */
  int(low, high) {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  chance(probability) {
    return this.next() < probability;
  }

  pick(items) {
    return items[Math.floor(this.next() * items.length)];
  }

  /** Up to `count` different items, in random order. */
  some(items, count) {
    const rest = [...items];
    const chosen = [];
    while (rest.length > 0 && chosen.length < count) {
      chosen.push(rest.splice(Math.floor(this.next() * rest.length), 1)[0]);
    }
    return chosen;
  }
}
