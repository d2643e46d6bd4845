// The part of the graph that is drawn: what was loaded, and what is chosen.

import { batch, computed, signal } from "@preact/signals";
import { AnswerError, ask } from "./api.js";
import { say } from "./page.js";

export interface Node {
  id: string;
  reference: string;
  kind: string;
  owner: string;
  version: number;
  data: Record<string, unknown>;
  access: unknown;
}
export interface Edge {
  id: string;
  reference: string;
  kind: string;
  source: string;
  target: string;
  version: number;
  data: Record<string, unknown>;
}
export interface Step {
  walker: string;
  ability: string;
  code: string | null;
  place: string;
  depth: number;
  begun: number;
  ms: number | null;
  statements: number;
  reads: [string, number][];
  writes: [string, string][];
}
export interface Walk {
  walker: string;
  root: string;
  mode: string;
  began: number;
  ms: number | null;
  status: number;
  error: string | null;
  attempts: number;
  statements: number;
  fields: string;
  is_cut: boolean;
  steps: Step[];
  written: { deed: string; reference: string; before: string | null; after: string | null; ends: string[] }[];
  told: { kind: string; targets: string[]; data: string; size: number; step: number }[];
}
interface Part {
  center?: string;
  nodes: Node[];
  edges: Edge[];
  has_more?: boolean;
}

const MOST = 600; // nodes that are drawn
const PAGE = 60; // neighbours that are loaded at once

export const nodes = signal<Map<string, Node>>(new Map());
export const edges = signal<Map<string, Edge>>(new Map());
export const hidden = signal<Set<string>>(new Set()); // classes
export const chosen = signal<string | null>(null);
export const more = signal<Map<string, number>>(new Map()); // nodes with further neighbours, and how many were loaded
export const walk = signal<Walk | null>(null);
export const step = signal(0);

/** The id in a reference, and in what a walk says of it ("around n:…"). */
export const idOf = (reference: string): string => /[0-9a-f]{24}$/.exec(reference)?.[0] ?? reference;

export const kinds = computed(() => {
  const counts = new Map<string, number>();
  for (const { kind } of nodes.value.values()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => a.localeCompare(b));
});

export function nameOf(node: Node): string {
  for (const field of ["name", "title", "label", "text", "email"]) {
    const value = node.data[field];
    if (typeof value === "string" && value) return value.length > 24 ? `${value.slice(0, 23)}…` : value;
  }
  return node.kind === "root" ? "root" : `…${node.id.slice(-4)}`;
}

export function forget(): void {
  batch(() => {
    nodes.value = new Map();
    edges.value = new Map();
    more.value = new Map();
    chosen.value = null;
    walk.value = null;
  });
}

function add(part: Part): void {
  const all = new Map(nodes.value);
  for (const node of part.nodes) if (all.size < MOST || all.has(node.id)) all.set(node.id, node);
  if (all.size >= MOST) say(`${MOST} nodes are drawn, the most that are`, true);
  const links = new Map(edges.value);
  for (const edge of part.edges) if (all.has(edge.source) && all.has(edge.target)) links.set(edge.id, edge);
  [nodes.value, edges.value] = [all, links];
}

async function loaded<T>(asking: Promise<T>): Promise<T | null> {
  try {
    return await asking;
  } catch (error) {
    say(error instanceof AnswerError ? error.message : "The server cannot be reached", true);
    return null;
  }
}

/** Draws a node with its neighbours, beside what is drawn already, and chooses it. */
export async function expand(reference: string): Promise<void> {
  const known = more.value.get(idOf(reference)) ?? 0;
  const part = await loaded(ask<Part>("around", { node: reference, limit: known + PAGE }));
  if (!part) return;
  batch(() => {
    add(part);
    const center = part.center!;
    const left = new Map(more.value);
    if (part.has_more) left.set(center, known + PAGE);
    else left.delete(center);
    more.value = left;
    chosen.value = center;
  });
}

/** Draws the path of a walk that the feed has shown. */
export async function followWalk(number: string): Promise<void> {
  const found = await loaded(ask<Walk>("walk", { n: number }));
  if (!found) return;
  const names = [...found.steps.map(({ place }) => place), ...found.written.map(({ reference }) => reference), ...found.written.flatMap(({ ends }) => ends)];
  const ids = [...new Set(names.filter((name) => !name.startsWith("e:")).map(idOf))].slice(0, 200);
  const part = await loaded(ask<Part>("among", { nodes: ids.join(",") }));
  batch(() => {
    forget();
    walk.value = found;
    step.value = 0;
    if (part) add(part);
    const first = found.steps[0];
    if (first) chosen.value = idOf(first.place);
  });
}

export function goTo(number: number): void {
  const steps = walk.value?.steps ?? [];
  const to = Math.max(0, Math.min(number, steps.length - 1));
  batch(() => {
    step.value = to;
    const place = steps[to]?.place;
    if (place?.startsWith("n:")) chosen.value = idOf(place);
  });
}

/** Hides a class of nodes, or shows it again. */
export function turn(kind: string): void {
  const next = new Set(hidden.value);
  if (!next.delete(kind)) next.add(kind);
  hidden.value = next;
}
