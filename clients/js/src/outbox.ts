/** Outbox: the events of the application until they are answered, in their order, over as many connections as it takes. */

import type { Clock } from "./clock.js";
import { WalkwireError } from "./error.js";
import type { Reply } from "./frames.js";
import type { Link } from "./link.js";

const KEYS_ARE_KEPT = 82_800_000; // 23 hours; the server keeps them for 24

export interface QueueBound {
  /** How many events may wait for a connection. Default: 100. */
  count?: number;
  /** How many bytes of JSON they may have together. Default: 262,144. */
  bytes?: number;
}

export interface CallOptions {
  /** Ends the call with the signal's reason. An event that was not sent yet is not sent; one that was sent may have its effect. */
  signal?: AbortSignal | undefined;
}

interface Pending {
  readonly body: string;
  readonly bytes: number;
  mayResend: boolean;
  sentAt?: number;
  resolve(data: unknown): void;
  reject(error: unknown): void;
}

export class Outbox {
  readonly #clock: Clock;
  readonly #count: number;
  readonly #bytes: number;
  readonly #pending = new Set<Pending>();
  #link: Link | undefined;
  #error: WalkwireError | undefined;

  constructor(clock: Clock, { count = 100, bytes = 262_144 }: QueueBound = {}) {
    this.#clock = clock;
    this.#count = count;
    this.#bytes = bytes;
  }

  /**
   * Send an event now, or with the next connection.
   *
   * @param mayResend - may it be sent again if the connection breaks before the answer?
   */
  call(event: object, mayResend: boolean, { signal }: CallOptions = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (this.#error) throw this.#error;
      const body = JSON.stringify(event);
      const bytes = new TextEncoder().encode(body).length;
      if (!this.#link && this.#isFullWith(bytes)) {
        throw new WalkwireError("offline", "There is no connection, and the queue is full. Nothing was sent.");
      }
      const settle = <Value>(how: (value: Value) => void) => (value: Value) => {
        this.#pending.delete(pending);
        signal?.removeEventListener("abort", aborted);
        how(value);
      };
      const pending: Pending = { body, bytes, mayResend, resolve: settle(resolve), reject: settle(reject) };
      const aborted = () => pending.reject(signal!.reason);
      signal?.addEventListener("abort", aborted);
      this.#pending.add(pending);
      if (this.#link) this.#send(pending, this.#link);
    });
  }

  /** There is a connection: send what waits. */
  open(link: Link): void {
    this.#link = link;
    const now = this.#clock.now();
    for (const pending of this.#pending) {
      const { sentAt, mayResend } = pending;
      if (sentAt !== undefined && (!mayResend || now - sentAt >= KEYS_ARE_KEPT)) pending.reject(inDoubt());
      else this.#send(pending, link);
    }
  }

  /** The connection is gone. */
  shut(): void {
    this.#link = undefined;
    for (const pending of this.#pending) {
      if (pending.sentAt !== undefined && !pending.mayResend) pending.reject(inDoubt());
    }
  }

  /** What is here was meant by another user. Keys count for one user only, so nothing of it may be sent again. */
  userChanged(): void {
    for (const pending of this.#pending) {
      pending.mayResend = false;
      if (pending.sentAt === undefined) {
        pending.reject(new WalkwireError("user_changed", "The user changed before this could be sent."));
      }
    }
  }

  /** Fail everything, now and from now on. */
  fail(error: WalkwireError): void {
    this.#link = undefined;
    this.#error = error;
    for (const pending of this.#pending) pending.reject(error);
  }

  #isFullWith(bytes: number): boolean {
    for (const pending of this.#pending) bytes += pending.bytes;
    return this.#pending.size >= this.#count || bytes > this.#bytes;
  }

  #send(pending: Pending, link: Link): void {
    pending.sentAt ??= this.#clock.now();
    link.ask(pending.body, (reply) => {
      if (reply.ok) pending.resolve(reply.data);
      else pending.reject(errorOf(reply));
    });
  }
}

export function errorOf({ error }: Reply & { ok: false }): WalkwireError {
  return new WalkwireError(error.code, error.message, error.retry_in);
}

function inDoubt(): WalkwireError {
  return new WalkwireError("in_doubt", "The connection broke before the answer. The event was done once or not at all.");
}
