// What the server of this page answers. The token is kept in memory only: a reload asks for it again.

import { signal } from "@preact/signals";

export const token = signal("");
export const needsToken = signal(false);
export const server = signal<Server | null>(null);

export interface Server {
  title: string;
  version: string;
  python: string;
  server: string;
  process: number;
  workers: number;
  production: boolean;
  began: number;
  now: number;
  connections: number;
  walkers: number;
  trouble: string | null;
  draining: boolean;
  docs: boolean;
  database: string;
  broker: string;
  may_sign_in: boolean;
}

export class AnswerError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** A URL of this server: the page may be served below a path. */
export const urlOf = (path: string): URL => new URL(path.replace(/^\//, ""), document.baseURI);

/** Asks the console's API. Names the process whose feed is shown: whichever is reached asks that one. */
export async function request(path: string, body?: unknown, stop?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { "X-Console": "1" };
  if (token.value) headers.Authorization = `Bearer ${token.value}`;
  if (server.value && path !== "live") headers["X-Console-Server"] = server.value.server;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(urlOf(`console/api/${path}`), {
    method: body === undefined ? "GET" : "POST",
    headers,
    body: body === undefined ? null : JSON.stringify(body),
    signal: stop ?? null,
    cache: "no-store",
    credentials: "omit",
  });
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => null);
  needsToken.value = told?.needs_token ?? needsToken.value;
  throw new AnswerError(answer.status, sentenceOf(told) ?? `The server answered ${answer.status}`);
}

export async function ask<T>(path: string, query: Record<string, string | number | undefined> = {}): Promise<T> {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return (await request(given.length ? `${path}?${search}` : path)).json();
}

export async function act<T>(path: string, body: unknown): Promise<T> {
  return (await request(path, body)).json();
}

/** The sentence of an error in the form of walkwire's REST; null for anything else. */
export function sentenceOf(told: unknown): string | null {
  const detail = (told as { detail?: unknown } | null)?.detail;
  if (typeof detail === "string") return detail;
  if (Array.isArray(detail)) return detail.map((one) => `${one.loc?.at(-1) ?? ""}: ${one.msg}`).join("; ");
  const error = (detail as { error?: unknown } | undefined)?.error ?? (told as { errors?: unknown[] } | null)?.errors?.[0];
  return typeof error === "string" ? error : null;
}
