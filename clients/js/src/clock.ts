/** Clock: time and chance, which tests replace. */

/** Where the client gets time and random numbers from. */
export interface Clock {
  /** Milliseconds; only differences count. It should go on while the machine sleeps. */
  now(): number;
  /** A number from 0 to below 1, for the jitter of delays. */
  random(): number;
  /** Call `run` after `ms` milliseconds. The function that comes back cancels it. */
  after(ms: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
