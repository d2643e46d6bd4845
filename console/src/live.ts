// The live feed: one line of JSON after another, as long as the page is open. It begins again when it breaks.

import { batch, signal } from "@preact/signals";
import { AnswerError, type Server, needsToken, request, server } from "./api.js";

interface Base {
  n: number;
  at: number;
}
export interface EventEntry extends Base {
  t: "event";
  client: string;
  root: string;
  type: string;
  walker: string | null;
  targets: string[];
  targets_count: number;
  size: number;
  data: string;
  id: string | number | null;
}
export interface ToldEntry extends Base {
  t: "told";
  kind: string;
  targets: string[];
  targets_count: number;
  size: number;
  data: string;
  here: number;
}
export interface WalkEntry extends Base {
  t: "walk";
  walker: string;
  root: string;
  client: string | null;
  mode: string;
  node: string | null;
  ids: Record<string, string>;
  ms: number;
  status: number;
  error: string | null;
  outcome: string;
  attempts: number;
  statements: number;
  steps: number;
  reads: number;
  written: number;
  told: number;
  fields: string;
}
export interface RefusalEntry extends Base {
  t: "refusal";
  client?: string;
  root?: string;
  type?: string;
  code: string;
  message: string;
  request?: string | null;
}
export type Entry = EventEntry | ToldEntry | WalkEntry | RefusalEntry;

export interface Sample {
  at: number;
  connections: number;
  events: number;
  received: number;
  told: number;
  refusals: number;
  walks: number;
  under_way: number;
  p50: number | null;
  p95: number | null;
  queue: number;
  memory: number;
  processor: number;
  lag: number;
}

const KEPT = 2000; // entries
const SAMPLES = 600; // seconds

export const state = signal<"connecting" | "live" | "waiting" | "closed">("connecting");
export const trouble = signal("");
export const entries = signal<Entry[]>([]);
export const samples = signal<Sample[]>([]);
export const lost = signal(0);
export const isPaused = signal(false);
export const waiting = signal(0); // entries that came while the tail is paused

let held: Entry[] = [];
let stop: AbortController | null = null;

export function pause(on: boolean): void {
  batch(() => {
    isPaused.value = on;
    if (!on) {
      entries.value = [...entries.value, ...held].slice(-KEPT);
      held = [];
      waiting.value = 0;
    }
  });
}

export function clear(): void {
  entries.value = [];
}

/** Follows the feed until `token` is refused. */
export async function follow(): Promise<void> {
  stop?.abort();
  const mine = (stop = new AbortController());
  for (let pauseFor = 500; !mine.signal.aborted; pauseFor = Math.min(pauseFor * 2, 8000)) {
    try {
      const answer = await request("live", undefined, mine.signal);
      pauseFor = 250;
      await read(answer);
      trouble.value = "The server closed the feed";
    } catch (error) {
      if (mine.signal.aborted) return;
      trouble.value = error instanceof AnswerError ? error.message : "The server cannot be reached";
      if (error instanceof AnswerError && (error.status === 401 || error.status === 403)) {
        state.value = "closed";
        return;
      }
    }
    state.value = "waiting";
    await new Promise((done) => setTimeout(done, pauseFor));
  }
}

async function read(answer: Response): Promise<void> {
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop()!;
    take(lines.filter(Boolean).map((line) => JSON.parse(line)));
  }
}

function take(lines: (Entry | ({ t: "sample" } & Sample) | ({ t: "hello" } & Server) | { t: "lost"; count: number })[]): void {
  const news: Entry[] = [];
  const taken: Sample[] = [];
  batch(() => {
    for (const line of lines) {
      if (line.t === "hello") {
        const isOther = server.value?.server !== line.server;
        if (isOther) [entries.value, samples.value, held] = [[], [], []];
        news.length = taken.length = 0;
        server.value = line;
        needsToken.value = false;
        state.value = "live";
        trouble.value = "";
        entries.value = entries.value.filter(() => !isOther);
        samples.value = [];
      } else if (line.t === "sample") taken.push(line);
      else if (line.t === "lost") lost.value += line.count;
      else news.push(line);
    }
    if (taken.length) samples.value = [...samples.value, ...taken].slice(-SAMPLES);
    const last = (held.at(-1) ?? entries.value.at(-1))?.n ?? 0;
    const fresh = news.filter((entry) => entry.n > last); // a feed that begins again repeats the last ones
    if (!fresh.length) return;
    if (isPaused.value) {
      held = [...held, ...fresh].slice(-KEPT);
      waiting.value = held.length;
    } else entries.value = [...entries.value, ...fresh].slice(-KEPT);
  });
}
