/** Mailbox: a bounded buffer between a stream and the loop that reads it. It never drops a message silently. */

import { WalkwireError } from "./error.js";

export interface MailboxOptions {
  /** Ends the iterator, which then throws the signal's reason. */
  signal?: AbortSignal | undefined;
  /** How many messages may wait to be read. One more, and the iterator throws `too_slow`. Default: 1,000. */
  buffer?: number | undefined;
}

/** The readers of one stream. */
export class Mailboxes<Item> {
  readonly #open = new Set<Mailbox<Item>>();
  #ending: { error: unknown } | undefined;

  /** Read what is `put` from now on. */
  read(options?: MailboxOptions): AsyncIterableIterator<Item> {
    const mailbox: Mailbox<Item> = new Mailbox(options, () => this.#open.delete(mailbox));
    this.#open.add(mailbox);
    if (this.#ending) mailbox.end(this.#ending.error);
    return mailbox.read();
  }

  put(item: Item): void {
    for (const mailbox of this.#open) mailbox.put(item);
  }

  /** The stream is over: with an error, or without. */
  end(error: unknown): void {
    this.#ending = { error };
    for (const mailbox of this.#open) mailbox.end(error);
  }
}

class Mailbox<Item> {
  readonly #items: Item[] = [];
  readonly #buffer: number;
  readonly #signal: AbortSignal | undefined;
  readonly #ended: () => void;
  readonly #aborted = () => this.end(this.#signal!.reason);
  #wake = () => {};
  #isOver = false;
  #error: unknown;

  constructor({ signal, buffer = 1000 }: MailboxOptions = {}, ended: () => void) {
    this.#buffer = buffer;
    this.#signal = signal;
    this.#ended = ended;
    signal?.addEventListener("abort", this.#aborted);
  }

  put(item: Item): void {
    if (this.#items.length < this.#buffer) this.#items.push(item);
    else this.end(new WalkwireError("too_slow", `More than ${this.#buffer} messages wait to be read.`));
    this.#wake();
  }

  /** Let the reader have what is here, then end: with an error, or without. */
  end(error?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#error = error;
    this.#ended();
    this.#signal?.removeEventListener("abort", this.#aborted);
    this.#wake();
  }

  async *read(): AsyncGenerator<Item, void, undefined> {
    try {
      if (this.#signal?.aborted) this.#aborted();
      for (;;) {
        while (this.#items.length) yield this.#items.shift()!;
        if (this.#isOver) break;
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      if (this.#error !== undefined) throw this.#error;
    } finally {
      this.end();
    }
  }
}
