/** Client: a session with a server, over as many connections as it takes. */

import {
  Channel, type ChannelOptions, type HistoryPage, type Message, notify, type PageOptions, readHistory, type Recovered, recoveredOf, type Resync,
  type SendOptions,
} from "./channel.js";
import { type Clock, systemClock } from "./clock.js";
import { Dialer, type State, type StateChange, type Token, type WebSocketClass } from "./dialer.js";
import { Emitter } from "./emitter.js";
import { WalkwireError } from "./error.js";
import type { Frame, Place, Welcome } from "./frames.js";
import type { Link } from "./link.js";
import { Mailboxes, type MailboxOptions } from "./mailbox.js";
import { errorOf, Outbox, type QueueBound } from "./outbox.js";
import { type Page, type Storage, watchPage } from "./page.js";
import { type Positions, Session } from "./session.js";
import { type AnyWalkers, randomKey, type WalkArguments, type WalkerType, type WalkReply } from "./walker.js";

export interface ClientOptions {
  /** `wss://…/websocket`; `https:` and, in a page, paths count as well. */
  url: string;
  token?: Token | undefined;
  /** Channels to join at once: ids, or ids with options. More by `client.channel(id)`. */
  channels?: (string | (ChannelOptions & { id: string }))[] | undefined;
  /** What others see in presence lists: an object of at most 1 KiB. */
  info?: object | undefined;
  /** What may wait while there is no connection. */
  queue?: QueueBound | undefined;
  /** `sessionStorage`, if the session should go on after a reload of the page. A duplicated tab gets a session of its own. */
  storage?: Storage | undefined;
  /** The class of sockets. Default: the global one. Node has one from version 22 on; for node 20 pass that of the package `ws`. */
  WebSocket?: WebSocketClass | undefined;
  /** For tests: time and chance. */
  clock?: Clock | undefined;
  /** For tests: where the events of the page arrive. Default: the window, if there is one. */
  page?: Page | undefined;
}

export interface ClientEvents<Told = any> {
  state: StateChange;
  /** A notification to the user of the client. */
  user: Message<Told>;
  /** A notification to this client alone. */
  client: Message<Told>;
  recovered: Recovered;
  resync: Resync;
  /** The server has put the client into a channel. Add handlers at once, and nothing is missed. */
  joined: Channel<any>;
  /** The server has taken the client out of a channel. It is not joined again. */
  left: Channel<any>;
}

/** What is known of notifications: nothing, if the program has not told. */
type Known<Told> = unknown extends Told ? unknown : Told;

/** A newer token of the same user has been shown: what was heard of the user's stream since. */
interface Renewal {
  heard: Set<string>;
  isAnswered: boolean;
}

/**
 * A client of one server.
 *
 * @typeParam Walkers - by name, the fields and reports of the walkers: `{ vote: { fields: { choice: string }; report: number } }`
 * @typeParam Told - what the program notifies, such as `{ type: "chat"; data: Chat } | { type: "left"; data: string }`
 */
export class Client<Walkers extends { [Name in keyof Walkers]: WalkerType } = AnyWalkers, Told = any> {
  /** Stays the same while the session lasts. */
  clientId: string | undefined;
  /** The user's root: `n::…`. */
  rootId: string | undefined;
  /** Resolves when the client is connected for the first time, and rejects if it is closed before. */
  readonly ready: Promise<void>;

  readonly #clock: Clock;
  #info: object | undefined;
  readonly #session: Session;
  readonly #outbox: Outbox;
  readonly #dialer: Dialer;
  readonly #events = new Emitter<ClientEvents>();
  readonly #channels = new Map<string, Channel<any>>();
  readonly #mailboxes = { user: new Mailboxes<Message<any>>(), client: new Mailboxes<Message<any>>() };
  readonly #unwatch: () => void;
  #link: Link | undefined; // while connected
  readonly #left: string[] = []; // channels that were left between `connect` and its reply
  #isClosed = false;
  #failure: WalkwireError | undefined; // with which iterators end
  #userChanges = false;
  #renewal: Renewal | undefined;

  /** Connect at once. Throws TypeError if there is no WebSocket, or the URL is none. */
  constructor(options: ClientOptions) {
    const { WebSocket = (globalThis as any).WebSocket, clock = systemClock, channels = [], page = globalThis as unknown as Page } = options;
    if (!WebSocket) throw new TypeError("There is no global WebSocket here: pass one as the option WebSocket.");
    const url = new URL(options.url, (globalThis as any).location?.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.#clock = clock;
    this.#info = options.info;
    this.#session = new Session(options.storage, url.href);
    this.#outbox = new Outbox(clock, options.queue);
    this.#dialer = new Dialer(url.href, WebSocket, clock, options.token ?? null, {
      introduction: () => this.#introduction(),
      welcome: (welcome, isSameStay) => this.#welcome(welcome, isSameStay),
      opened: (link) => this.#opened(link),
      heard: (frame) => this.#heard(frame),
      dropped: () => this.#dropped(),
      changing: () => {
        this.#userChanges = true;
        return { info: this.#info };
      },
      unchanged: () => void (this.#userChanges = false),
      renewing: () => {
        this.#renewal = { heard: new Set(), isAnswered: false };
        return { at: { user: this.#session.at.user } };
      },
      closed: (error) => this.#closed(error),
      changed: (change) => this.#events.emit("state", change),
    });
    for (const channel of channels) {
      if (typeof channel == "string") this.channel(channel);
      else this.channel(channel.id, channel);
    }
    this.#unwatch = watchPage(page, {
      wake: () => this.wake(),
      hide: () => this.#session.put(this.#channels.values()),
      show: () => this.#session.takeBack(),
    });
    this.ready = this.#dialer.welcomed();
    this.ready.catch(() => {}); // the application need not wait for it
    void this.#dialer.dial();
  }

  get state(): State {
    return this.#dialer.state;
  }

  /** Why the client is closed, or waits, if the server or the token function said so. */
  get error(): WalkwireError | undefined {
    return this.#dialer.error;
  }

  /** The channels that the client is in, or will be. */
  get channels(): ReadonlyMap<string, Channel<any>> {
    return this.#channels;
  }

  /**
   * Call a walker, now or as soon as there is a connection, and resolve with its answer.
   *
   * @throws {@link WalkwireError}, or the reason of `signal`
   */
  walk<Name extends keyof Walkers & string>(
    walker: Name, ...[fields, options = {}]: WalkArguments<Walkers[Name]["fields"]>
  ): Promise<WalkReply<Walkers[Name]["report"]>> {
    const { node, key = randomKey(), resend = key !== false } = options;
    const event = { type: "walker", walker, context: fields ?? {}, node, key: key === false ? undefined : key };
    return this.#outbox.call(event, resend, options) as Promise<WalkReply<any>>;
  }

  /**
   * Join a channel, and stay in it until `leave()`. The same id gives the same object; only `presence` can be asked for later.
   *
   * @typeParam Data - of the notifications
   */
  channel<Data = Known<Told>>(id: string, options: ChannelOptions = {}): Channel<Data> {
    const channel = this.#channelOf(id, options);
    if (options.presence && !channel.options.presence) {
      channel.options.presence = options.presence;
      channel.isAsked = false;
    }
    this.#joinAll();
    return channel;
  }

  /** Read a page of a channel's history without being in it. As `channel.history()`. */
  history<Data = Known<Told>>(id: string, options?: PageOptions): Promise<HistoryPage<Data>> {
    return readHistory(this.#outbox, id, options);
  }

  /** Send to the members of some channels, without being in them. At least once, see {@link SendOptions.resend}. */
  sendToChannels(ids: string[], data: object, options?: SendOptions): Promise<void> {
    return notify(this.#outbox, { type: "channel", channel_ids: ids, data }, options);
  }

  /** Send to all connections of some users. At least once, see {@link SendOptions.resend}. */
  sendToUsers(rootIds: string[], data: object, options?: SendOptions): Promise<void> {
    return notify(this.#outbox, { type: "user", root_ids: rootIds, data }, options);
  }

  /** Send to some clients. At least once, see {@link SendOptions.resend}. */
  sendToClients(clientIds: string[], data: object, options?: SendOptions): Promise<void> {
    return notify(this.#outbox, { type: "client", client_ids: clientIds, data }, options);
  }

  /** Call `handler` with each event of this name. The function that comes back ends it. */
  on<Name extends keyof ClientEvents>(name: Name, handler: (event: ClientEvents<Told>[Name]) => void): () => void {
    return this.#events.on(name, handler);
  }

  /** Read the notifications to the user, or to this client alone, from now on. It ends as `channel.messages()` does. */
  messages<Data = Known<Told>>(stream: "user" | "client", options?: MailboxOptions): AsyncIterableIterator<Message<Data>> {
    return this.#mailboxes[stream].read(options);
  }

  /**
   * Become another user, with another token or token function; without one, ask the function again. Resolves when the server has agreed.
   * What was called before and not sent yet fails with `user_changed`.
   *
   * @param info - what others see of the new user in presence lists
   */
  async changeUser(token?: Token, info?: object): Promise<void> {
    const before = this.#info;
    this.#info = info;
    try {
      await this.#dialer.changeUser(token);
    } catch (error) {
      this.#info = before;
      throw error;
    }
  }

  /** Find out at once whether the connection is alive, or stop waiting and connect. In a page this happens by itself. */
  wake(): void {
    this.#dialer.wake();
  }

  /** Close for good. What was not answered fails with `closed`. */
  close(): void {
    this.#dialer.close(new WalkwireError("closed", "The client was closed."));
  }

  #channelOf(id: string, options: ChannelOptions): Channel<any> {
    let channel = this.#channels.get(id);
    if (!channel) {
      channel = new Channel(id, { ...options }, {
        call: (event, mayResend, callOptions) => this.#outbox.call(event, mayResend, callOptions),
        recovered: (event) => this.#events.emit("recovered", event),
        leave: (left) => this.#leave(left),
      });
      channel.position = this.#session.positionOf(id);
      this.#channels.set(id, channel);
      if (this.#isClosed) channel.end(this.#failure);
    }
    return channel;
  }

  #introduction(): object {
    const { token, at } = this.#session;
    const shown: Positions = this.#userChanges ? { ...at, user: undefined } : at;
    const channels = [...this.#channels.values()].map((channel) => channel.asked());
    return {
      session: token,
      at: shown.user ?? shown.client ? shown : undefined,
      channels: channels.length ? channels : undefined,
      info: this.#info,
    };
  }

  #welcome({ client_id, root_id, session, streams }: Welcome, isSameStay: boolean): void {
    if (this.rootId !== undefined && this.rootId != root_id) this.#outbox.userChanged();
    this.clientId = client_id;
    this.rootId = root_id;
    this.#session.token = session;
    if (this.#userChanges) delete this.#session.at.user;
    this.#userChanges = false;
    if (this.#renewal) this.#renewal.isAnswered = true;
    this.#placed("user", streams.user, isSameStay);
    this.#placed("client", streams.client, isSameStay);
    for (const [id, place] of Object.entries(streams.channels)) {
      const channel = this.#channels.get(id);
      if (channel) channel.placed(place, isSameStay);
      else this.#left.push(id);
    }
  }

  #placed(stream: "user" | "client", place: Place, isSameStay: boolean): void {
    const { at } = this.#session;
    const after = at[stream];
    const event = recoveredOf(stream, place, isSameStay, after);
    if (place.at !== undefined && !(isSameStay && after !== undefined && place.recovered !== false)) at[stream] = place.at;
    if (event) this.#events.emit("recovered", event);
  }

  #opened(link: Link): void {
    this.#link = link;
    for (const id of this.#left.splice(0)) this.#sayLeave(id);
    this.#outbox.open(link);
    this.#joinAll();
  }

  #heard(frame: Frame): void {
    const channel = "channel_id" in frame ? this.#channels.get(frame.channel_id!) : undefined;
    const { at } = this.#session;
    switch (frame.type) {
      case "channel":
        if (channel?.isIn) channel.heard({ data: frame.data, at: frame.at });
        break;
      case "user":
      case "client":
        if (frame.type == "client" || !this.#isRepeated(frame.at)) {
          const message = { data: frame.data, at: frame.at };
          this.#events.emit(frame.type, message);
          this.#mailboxes[frame.type].put(message);
        }
        at[frame.type] = frame.at; // it counts as heard only after the handlers were called
        break;
      case "resync": {
        const { stream, reason } = frame;
        if (stream != "channel") at[stream] = frame.at;
        else if (!channel?.isIn) break;
        const event: Resync = channel ? { stream, channel: channel.id, reason } : { stream, reason };
        channel?.lost(event, frame.at);
        this.#events.emit("resync", event);
        break;
      }
      case "joined": {
        const joined = this.#channelOf(frame.channel_id, {});
        joined.isAsked = true;
        joined.placed({ at: frame.at, recovered: null }, false);
        this.#events.emit("joined", joined);
        break;
      }
      case "left":
        if (!channel?.isIn) break;
        if (frame.reason) channel.placed({ recovered: false, reason: frame.reason }, false);
        else {
          this.#channels.delete(channel.id);
          channel.end();
          this.#events.emit("left", channel);
        }
        break;
      case "session":
        this.#session.token = frame.session;
        break;
      case "presence":
        if (channel?.isIn) channel.changed(frame);
        break;
      case "expiring":
        this.#dialer.renew();
    }
  }

  /** After a renewal, notifications to the user that were heard before its reply may follow it once more. */
  #isRepeated(at: string): boolean {
    if (!this.#renewal) return false;
    const { heard, isAnswered } = this.#renewal;
    if (!isAnswered) heard.add(at);
    else if (heard.has(at)) return true;
    else this.#renewal = undefined;
    return false;
  }

  #dropped(): void {
    this.#link = this.#renewal = undefined;
    for (const channel of this.#channels.values()) channel.isIn = false;
    this.#outbox.shut();
  }

  #closed(error: WalkwireError): void {
    this.#unwatch();
    this.#outbox.fail(error);
    this.#isClosed = true;
    if (error.code != "closed") this.#failure = error;
    for (const stream of [this.#mailboxes.user, this.#mailboxes.client, ...this.#channels.values()]) stream.end(this.#failure);
  }

  #joinAll(): void {
    for (const channel of this.#channels.values()) if (this.#link && !channel.isAsked) this.#join(channel, this.#link);
  }

  #join(channel: Channel<any>, link: Link): void {
    const isOver = () => this.#link != link || this.#channels.get(channel.id) != channel;
    link.ask(JSON.stringify({ type: "join", channels: [channel.asked()] }), (reply) => {
      if (isOver()) return;
      if (reply.ok) return channel.placed((reply.data as Welcome["streams"]).channels[channel.id]!, channel.isIn);
      const { code, retryIn } = errorOf(reply);
      if (code == "busy" || retryIn !== undefined) {
        this.#clock.after((retryIn ?? 0) + this.#clock.random() * 1000, () => {
          if (!isOver()) this.#join(channel, link);
        });
      } else channel.placed({ recovered: false, reason: code == "refused" ? "forbidden" : code }, false);
    });
  }

  #leave(channel: Channel<any>): void {
    if (this.#channels.get(channel.id) != channel) return;
    this.#channels.delete(channel.id);
    this.#sayLeave(channel.id);
  }

  #sayLeave(id: string): void {
    this.#link?.ask(JSON.stringify({ type: "leave", channel_ids: [id] }), () => {});
  }
}

/** Connect to a server. */
export function connect<Walkers extends { [Name in keyof Walkers]: WalkerType } = AnyWalkers, Told = any>(
  options: ClientOptions,
): Client<Walkers, Told> {
  return new Client<Walkers, Told>(options);
}
