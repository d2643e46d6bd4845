/** Session: what a client shows when it comes back. Over a reload it is kept in a storage that a duplicated tab cannot use. */

import type { Storage } from "./page.js";

interface Kept {
  session: string;
  at: Positions;
  channels: Record<string, string>;
}

/** The last positions that were heard in the two streams without a name. */
export interface Positions {
  user?: string | undefined;
  client?: string | undefined;
}

/**
 * A tab that is duplicated gets a copy of the first one's `sessionStorage`. Two clients with one session would take it from each other, so
 * the storage holds the session only while no page does: it is taken out when the page is loaded, and put back when the page goes away.
 */
export class Session {
  token: string | undefined;
  at: Positions = {};

  readonly #channels = new Map<string, string>(); // positions of before the reload, until the channel is joined
  readonly #storage: Storage | undefined;
  readonly #key: string;

  constructor(storage: Storage | undefined, url: string) {
    this.#storage = storage;
    this.#key = `walkwire ${url}`;
    const kept = this.#take();
    if (!kept) return;
    this.token = kept.session;
    this.at = kept.at;
    for (const [id, at] of Object.entries(kept.channels)) this.#channels.set(id, at);
  }

  /** Return the position in a channel of before the reload, once. */
  positionOf(channel: string): string | undefined {
    const at = this.#channels.get(channel);
    this.#channels.delete(channel);
    return at;
  }

  /** The page goes away: the one that is loaded next may have the session. */
  put(channels: Iterable<{ id: string; position: string | undefined }>): void {
    if (!this.#storage || !this.token) return;
    const kept: Kept = { session: this.token, at: this.at, channels: Object.fromEntries(this.#channels) };
    for (const { id, position } of channels) if (position !== undefined) kept.channels[id] = position;
    try {
      this.#storage.setItem(this.#key, JSON.stringify(kept));
      this.token = undefined;
    } catch {
      // full, or forbidden: the session ends with the page
    }
  }

  /** The page is back, with its own positions; the session is the last one's. */
  takeBack(): void {
    const kept = this.#take(); // what is left there could be copied
    this.token ??= kept?.session;
  }

  #take(): Kept | undefined {
    try {
      const text = this.#storage!.getItem(this.#key);
      this.#storage!.removeItem(this.#key);
      const kept = JSON.parse(text!);
      return kept?.at && kept.channels ? kept : undefined;
    } catch {
      return undefined;
    }
  }
}
