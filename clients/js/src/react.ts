/** React: hooks over a client that a provider hands down. */

import {
  createContext, createElement, useCallback, useContext, useEffect, useRef, useState, type ReactElement, type ReactNode,
} from "react";
import type { Channel, ChannelOptions, Client, Message, Presence, Reason, WalkOptions, WalkReply, WalkwireError } from "./index.js";

const ClientContext = createContext<Client<any> | null>(null);

/** Hand a client to the hooks below it. The client is made and closed by the application. */
export function WalkwireProvider({ client, children }: { client: Client<any>; children?: ReactNode }): ReactElement {
  return createElement(ClientContext.Provider, { value: client }, children);
}

/** Return the client of the nearest `WalkwireProvider`. Throws if there is none. */
export function useClient<Walkers extends { [Name in keyof Walkers]: { fields: object; report: unknown } } = any, Told = any>(): Client<Walkers, Told> {
  const client = useContext(ClientContext);
  if (!client) throw new Error("There is no WalkwireProvider above this component.");
  return client;
}

export interface WalkerState<Report> {
  /** The answer of the last walk that succeeded. */
  reply: WalkReply<Report> | undefined;
  /** Why the last walk failed: a {@link WalkwireError}, or the reason of a signal. */
  error: unknown;
  isWalking: boolean;
}

/**
 * Call a walker from a component. If it is called again before the answer, only the last call changes the state.
 *
 * @returns the state, and `walk`, which resolves and rejects as `client.walk` does
 */
export function useWalker<Fields extends object = any, Report = any>(
  walker: string,
): WalkerState<Report> & { walk(fields?: Fields, options?: WalkOptions): Promise<WalkReply<Report>> } {
  const client = useClient();
  const last = useRef(0);
  const [state, setState] = useState<WalkerState<Report>>({ reply: undefined, error: undefined, isWalking: false });
  const walk = useCallback(
    async (fields?: Fields, options?: WalkOptions) => {
      const call = ++last.current;
      const change = (by: Partial<WalkerState<Report>>) => {
        if (call == last.current) setState((before) => ({ ...before, ...by }));
      };
      change({ isWalking: true });
      try {
        const reply: WalkReply<Report> = await client.walk(walker, fields, options);
        change({ reply, error: undefined, isWalking: false });
        return reply;
      } catch (error) {
        change({ error, isWalking: false });
        throw error;
      }
    },
    [client, walker],
  );
  return { ...state, walk };
}

export interface ChannelHookOptions<Data> extends ChannelOptions {
  /** How many of the last messages are kept in `messages`. Default: 100. */
  keep?: number;
  /** Called with each message. */
  onMessage?: (message: Message<Data>) => void;
}

export interface ChannelState<Data> {
  /** The last messages since the component was mounted, and those of `rewind`; the newest last. */
  messages: readonly Message<Data>[];
  /** Why messages before the last ones may be missing, if so. */
  missed: Reason | undefined;
  send: Channel<Data>["send"];
  /** undefined before the first effect. */
  channel: Channel<Data> | undefined;
}

/** Be in a channel while the component is mounted. Components share the channel; the last one leaves, unless the application joined it. */
export function useChannel<Data = any>(id: string, options: ChannelHookOptions<Data> = {}): ChannelState<Data> {
  const client = useClient();
  const latest = useRef(options);
  latest.current = options;
  const [messages, setMessages] = useState<readonly Message<Data>[]>([]);
  const [missed, setMissed] = useState<Reason>();
  const channel = useShared<Data>(id, options, (joined) => {
    setMessages([]);
    setMissed(undefined);
    const offs = [
      joined.on("message", (message) => {
        setMessages((before) => [...before, message].slice(-(latest.current.keep ?? 100)));
        latest.current.onMessage?.(message);
      }),
      joined.on("recovered", (event) => setMissed((before) => (event.recovered ? before : event.reason))),
      joined.on("resync", (event) => setMissed(event.reason)),
    ];
    return () => offs.forEach((off) => off());
  });
  const send = useCallback<Channel<Data>["send"]>((data, how) => client.channel<Data>(id).send(data, how), [client, id]);
  return { messages, missed, send, channel };
}

/** Know who is in a channel, or (`how` is `"count"`) how many. */
export function usePresence(id: string, how: "list" | "count" = "list"): Presence {
  const [presence, setPresence] = useState<Presence>({ count: 0, members: new Map() });
  useShared(id, { presence: how }, (channel) => {
    setPresence(channel.presence);
    return channel.on("presence", () => setPresence(channel.presence));
  });
  return presence;
}

const users = new WeakMap<Channel<any>, number>(); // how many components use each channel that a component joined

function useShared<Data>(id: string, { rewind, presence, token }: ChannelOptions, mounted: (channel: Channel<Data>) => () => void) {
  const client = useClient();
  const [channel, setChannel] = useState<Channel<Data>>();
  useEffect(() => {
    const isOthers = client.channels.has(id) && !users.has(client.channels.get(id)!);
    const joined = client.channel<Data>(id, { rewind, presence, token });
    if (!isOthers) users.set(joined, (users.get(joined) ?? 0) + 1);
    setChannel(joined);
    const unmounted = mounted(joined);
    return () => {
      unmounted();
      if (isOthers) return;
      users.set(joined, users.get(joined)! - 1);
      setTimeout(() => users.get(joined) || joined.leave()); // a component that takes its place is mounted by then
    };
  }, [client, id, rewind, presence, token]);
  return channel;
}
