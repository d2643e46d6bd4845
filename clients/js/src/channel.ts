/** Channel: one channel as the application sees it: its notifications, its history, and who is there. */

import { Emitter } from "./emitter.js";
import type { Member, Place, PresenceFrame, Reason } from "./frames.js";
import { Mailboxes, type MailboxOptions } from "./mailbox.js";
import type { CallOptions } from "./outbox.js";

export interface ChannelOptions {
  /** Begin with so many of the last notifications, 1 to 1,000. */
  rewind?: number | undefined;
  /** Keep `channel.presence` up to date: with who is there, or only with how many. */
  presence?: "list" | "count" | undefined;
  /** A channel token, for channels that need one. */
  token?: string | undefined;
}

export interface SendOptions extends CallOptions {
  /**
   * Send again if the connection breaks before the server has acknowledged? Notifications have no key, so receivers may get one twice
   * then. With false the call fails with `in_doubt` instead. Default: true.
   */
  resend?: boolean | undefined;
}

export interface Message<Data = unknown> {
  data: Data;
  /** The position of the notification in its stream. Send it back, do not read it. */
  at: string;
}

/** The client came back: was everything that was missed recovered? If so, it follows. */
export type Recovered = {
  stream: "channel" | "user" | "client";
  /** The id, if the stream is a channel. */
  channel?: string;
} & ({ recovered: true } | {
  recovered: false;
  reason: Reason;
  /** The last position that was heard: for `too_many`, read `history({ after })`. */
  after?: string;
});

/** Notifications were lost while the client was connected. */
export interface Resync {
  stream: "channel" | "user" | "client";
  channel?: string;
  reason: Reason;
}

/** Who is in a channel. A new object with each change. */
export interface Presence {
  count: number;
  /** `info` of each user by root id. Empty if only counts were asked for, or if there are more than 1,000. */
  members: ReadonlyMap<string, unknown>;
}

/** `joined` and `left` are empty where the server sent the whole list, or only a count. */
export interface PresenceChange extends Presence {
  joined: Member[];
  left: Member[];
}

/** A page of a presence list, sorted by root id. */
export interface MembersPage {
  users: Member[];
  count: number;
  has_more: boolean;
}

export interface ChannelEvents<Data> {
  message: Message<Data>;
  presence: PresenceChange;
  recovered: Recovered;
  resync: Resync;
}

/** A page of a channel's history, in the order of the stream. */
export interface HistoryPage<Data = unknown> {
  messages: Message<Data>[];
  /** Is there more in the direction that was asked for? */
  has_more: boolean;
}

export interface PageOptions extends CallOptions {
  before?: string | undefined;
  after?: string | undefined;
  /** How many at most. */
  limit?: number | undefined;
}

/** Sends an event and resolves with `data` of the reply. */
export interface Caller {
  call(event: object, mayResend: boolean, options?: CallOptions): Promise<unknown>;
}

/** What a channel needs of its client. */
export interface ChannelHost extends Caller {
  recovered(event: Recovered): void;
  leave(channel: Channel<any>): void;
}

/** A channel that the client has joined, or will with its next connection. Made by `client.channel(id)`. */
export class Channel<Data = unknown> implements AsyncIterable<Message<Data>> {
  readonly id: string;
  /** Who is here, if `presence` was asked for. */
  presence: Presence = { count: 0, members: new Map() };

  /** @internal */
  readonly options: ChannelOptions;
  /** @internal */
  position: string | undefined;
  /** @internal Is it in the last `connect`, or in a `join` since? */
  isAsked = false;
  /** @internal Has it answered that the client is in the channel? */
  isIn = false;

  readonly #host: ChannelHost;
  readonly #events = new Emitter<ChannelEvents<Data>>();
  readonly #mailboxes = new Mailboxes<Message<Data>>();

  /** @internal */
  constructor(id: string, options: ChannelOptions, host: ChannelHost) {
    this.id = id;
    this.options = options;
    this.#host = host;
  }

  /** Call `handler` with each event of this name. The function that comes back ends it. */
  on<Name extends keyof ChannelEvents<Data>>(name: Name, handler: (event: ChannelEvents<Data>[Name]) => void): () => void {
    return this.#events.on(name, handler);
  }

  /**
   * Read the notifications from now on. The iterator ends when the channel is left or the client is closed, throws if the client was
   * closed by an error, and throws `too_slow` if its buffer is full.
   */
  messages(options?: MailboxOptions): AsyncIterableIterator<Message<Data>> {
    return this.#mailboxes.read(options);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Message<Data>> {
    return this.messages();
  }

  /** Send to all members. Resolves when the server has acknowledged; delivered at least once ({@link SendOptions.resend}). */
  send(data: object, options?: SendOptions): Promise<void> {
    return notify(this.#host, { type: "channel", channel_ids: [this.id], data }, options);
  }

  /** Read a page of what is kept: the last `before` a position, the first `after` one, or the newest. */
  history(options?: PageOptions): Promise<HistoryPage<Data>> {
    return readHistory(this.#host, this.id, options);
  }

  /** Read a page of who is here, for channels with more than 1,000 users. `after` is a root id. */
  members({ after, limit, signal }: Omit<PageOptions, "before"> = {}): Promise<MembersPage> {
    return this.#host.call({ type: "presence", channel_id: this.id, after, limit }, true, { signal }) as Promise<MembersPage>;
  }

  /** Leave, and forget the position. `client.channel(id)` joins anew. */
  leave(): void {
    this.#host.leave(this);
    this.end();
  }

  /** @internal The channel in `connect` and `join`. `rewind` is for the first time only. */
  asked(): object {
    const { rewind, presence, token } = this.options;
    this.isAsked = true;
    return { channel_id: this.id, at: this.position, rewind: this.position === undefined ? rewind : undefined, presence, token };
  }

  /** @internal @param isSameStay - after `change_user` what was heard counts, unless it is called lost */
  placed(place: Place, isSameStay: boolean): void {
    const after = this.position;
    this.isIn = place.reason != "forbidden";
    if (place.recovered === false || !isSameStay || after === undefined) this.position = place.at;
    const event = recoveredOf("channel", place, isSameStay, after, this.id);
    if (event) {
      this.#events.emit("recovered", event);
      this.#host.recovered(event);
    }
    if (place.presence) this.changed(place.presence);
  }

  /** @internal A position counts as heard only after the handlers were called. */
  heard(message: Message<Data>): void {
    this.#events.emit("message", message);
    this.#mailboxes.put(message);
    this.position = message.at;
  }

  /** @internal */
  lost(event: Resync, at: string): void {
    this.position = at;
    this.#events.emit("resync", event);
  }

  /** @internal */
  changed({ users, joined, left = [], count }: PresenceFrame): void {
    const members = new Map(joined && this.presence.members);
    for (const { root_id } of left) members.delete(root_id);
    for (const { root_id, info } of users ?? joined ?? []) members.set(root_id, info);
    this.presence = { count, members };
    this.#events.emit("presence", { joined: joined ?? [], left, count, members });
  }

  /** @internal */
  end(error?: unknown): void {
    this.#mailboxes.end(error);
  }
}

export async function notify(caller: Caller, event: object, options: SendOptions = {}): Promise<void> {
  await caller.call(event, options.resend ?? true, options);
}

export function readHistory(
  caller: Caller, id: string, { before, after, limit, signal }: PageOptions = {},
): Promise<HistoryPage<any>> {
  const event = { type: "history", channel_id: id, before, after, limit };
  return caller.call(event, true, { signal }) as Promise<HistoryPage<any>>;
}

/** What the application is told about a place in a stream, if anything: on the same connection it is not told that nothing was missed. */
export function recoveredOf(
  stream: Recovered["stream"], { recovered, reason = "reset" }: Place, isSameStay: boolean, after?: string, channel?: string,
): Recovered | undefined {
  if (recovered === null || (recovered && isSameStay)) return undefined;
  const about = channel === undefined ? { stream } : { stream, channel };
  if (recovered) return { ...about, recovered };
  return { ...about, recovered, reason, ...(after === undefined ? {} : { after }) };
}
