/** Walker: what a call of a walker takes and gives. */

import type { CallOptions } from "./outbox.js";

/** The fields and reports of one walker. */
export interface WalkerType {
  fields: object;
  report: unknown;
}

/** Walkers of which nothing is known. */
export type AnyWalkers = Record<string, { fields: any; report: any }>;

/** The answer of a walker. */
export interface WalkReply<Report = unknown> {
  status: number;
  reports: Report[];
}

export interface WalkOptions extends CallOptions {
  /** The reference of the node where the walk begins. Default: the root of the user. */
  node?: string | undefined;
  /**
   * The same key is done once, for 24 hours. By default each call has a random one, so that it can be sent again after a broken
   * connection. The server stores the answer, so a walker that only reads is cheaper with false: none.
   */
  key?: string | false | undefined;
  /** Send again if the connection breaks before the answer? Else the call fails with `in_doubt`. Default: true with a key, false without. */
  resend?: boolean | undefined;
}

/** `fields` may be left out if all of them are optional. */
export type WalkArguments<Fields> = {} extends Fields
  ? [fields?: Fields, options?: WalkOptions]
  : [fields: Fields, options?: WalkOptions];

/** 128 random bits as 32 digits: nobody can guess it. `crypto.randomUUID` would need a secure context. */
export function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
