/** Closing: whether a client comes back, and when. The number of the close code decides. */

import type { Clock } from "./clock.js";
import { WalkwireError } from "./error.js";

const LONGEST_DELAY = 30_000;
const STABLE = 5_000; // a connection that lives so long is a success
const LONGEST_FLOOR = 86_400_000; // beyond 2^31 ms timers fire at once

/** Why the client is closed for good, by close code; other codes from 4000 to 4099 are `refused`. */
const FINAL: Record<number, string> = {
  1002: "protocol",
  1003: "protocol",
  1007: "protocol",
  1009: "too_large",
  4001: "unauthenticated",
  4009: "taken_over",
};

/** What the end of a connection means: `error` if the client must not come back as it is, else the delay's parts. */
export interface Ending {
  error?: WalkwireError;
  /** Milliseconds below which the client may not come back. */
  floor: number;
  /** What the first random delay is at most, in milliseconds. */
  unit: number;
}

/** @param reason - `{"reconnect_in":…,"reason":"…"}`, or any text */
export function endingOf(code: number, reason: string): Ending {
  let words = reason;
  let floor: unknown;
  try {
    ({ reason: words = "", reconnect_in: floor } = JSON.parse(reason));
  } catch {
    // not one of walkwire's own
  }
  const isTimed = typeof floor == "number";
  const ending: Ending = { floor: isTimed ? (floor as number) : 0, unit: code >= 4200 && code < 4300 ? 250 : 1000 };
  const final = FINAL[code] ?? (code >= 4000 && code < 4100 && !isTimed ? "refused" : undefined);
  if (final) ending.error = new WalkwireError(final, words || `The connection was closed with ${code}.`);
  return ending;
}

/** Counts failures in a row, and computes full-jitter delays from them. */
export class BackOff {
  #failures = 0;

  constructor(readonly clock: Clock) {}

  /**
   * A connection or an attempt has ended.
   *
   * @param lived - for how many milliseconds it was connected
   * @returns the lower bound and the random part of the delay
   */
  next({ floor, unit }: Ending, lived: number): [floor: number, jitter: number] {
    if (lived >= STABLE) this.#failures = 0;
    const most = Math.min(LONGEST_DELAY, unit * 2 ** this.#failures++);
    return [Math.min(floor, LONGEST_FLOOR), this.clock.random() * most];
  }
}
