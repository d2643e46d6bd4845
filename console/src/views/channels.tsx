// Channels: their members, who is there on all servers, and what is kept of them.

import { signal, useSignal } from "@preact/signals";
import { ask } from "../api.js";
import { send } from "../deeds.js";
import { ago, number, pretty, short, span } from "../format.js";
import { go, subject } from "../page.js";
import { Button, type Column, Fault, Filter, Head, Table, Tag, useAsked } from "../ui.js";
import type { Client } from "./connections.js";

export interface Level {
  most: number;
  seconds: number;
  is_durable: boolean;
}
interface Channel {
  id: string;
  members: number;
  level: Level;
}
interface History {
  entries: { at: string; data: unknown }[];
  has_more: boolean;
  error?: string;
}
interface Detail {
  id: string;
  count: number;
  members: Client[];
  presence: { count?: number; people?: { root_id: string; info?: unknown }[]; error?: string };
  level: Level;
  history: History;
}

const text = signal("");
const other = signal("");

export const levelOf = (level: Level) => (level.most ? `${level.is_durable ? "durable" : "recent"}, ${number(level.most)}, ${span(level.seconds)}` : "none");

const COLUMNS: Column<Channel>[] = [
  { name: "Channel", kind: "mono", show: (channel) => channel.id },
  { name: "Members here", kind: "number", show: (channel) => number(channel.members) },
  { name: "History", show: (channel) => levelOf(channel.level) },
];

export function Channels() {
  const { found, error } = useAsked<{ rows: Channel[]; total: number }>("channels", { find: text.value }, 2000);
  return (
    <>
      <Head title="Channels" about={found ? `${number(found.total)} with members` : ""}>
        <Filter value={text} label="Filter channels" />
        <form
          class="row"
          onSubmit={(event) => {
            event.preventDefault();
            if (other.value) go("channels", other.value);
          }}
        >
          <input aria-label="Channel to open" placeholder="Any channel" value={other} onInput={(event) => (other.value = event.currentTarget.value)} />
          <button type="submit">Open</button>
        </form>
      </Head>
      <Fault text={error} />
      <div class={subject.value ? "two" : ""}>
        {found && (
          <Table
            label="Channels"
            rows={found.rows}
            columns={COLUMNS}
            id={(channel) => channel.id}
            chosen={subject.value}
            onChoose={(channel) => go("channels", channel.id === subject.value ? "" : channel.id)}
            empty={text.value ? "No channel matches." : "No client is in a channel."}
          />
        )}
        {subject.value && <ChannelDetails key={subject.value} id={subject.value} />}
      </div>
    </>
  );
}

const MEMBERS: Column<Client>[] = [
  { name: "Client", kind: "mono", show: (client) => <button type="button" class="link" onClick={() => go("connections", client.id)}>…{client.id.slice(-8)}</button> },
  { name: "User", show: (client) => client.user ?? short(client.root) },
  { name: "Since", kind: "number", show: (client) => (client.since === null ? "" : ago(client.since)) },
];

function ChannelDetails({ id }: { id: string }) {
  const { found, error } = useAsked<Detail>("channel", { id }, 3000);
  const older = useSignal<History | null>(null);
  if (!found) return <section class="card"><Fault text={error} /></section>;
  const history = [...found.history.entries, ...(older.value?.entries ?? [])];
  const unique = [...new Map(history.map((entry) => [entry.at, entry])).values()];
  const hasMore = older.value ? older.value.has_more : found.history.has_more;
  const people = found.presence.people ?? [];
  return (
    <section class="card" aria-label={`Channel ${id}`}>
      <header class="head">
        <h2 class="mono">{id}</h2>
        <div class="tools">
          <Button onClick={() => send("channels", id)}>Send…</Button>
          <Button kind="plain" label="Close the channel" onClick={() => go("channels")}>
            ✕
          </Button>
        </div>
      </header>
      <h3>Presence on all servers: {found.presence.error ?? number(found.presence.count ?? 0)}</h3>
      {people.length > 0 && (
        <p class="row">
          {people.map((one) => (
            <Tag key={one.root_id}>{short(one.root_id)}</Tag>
          ))}
        </p>
      )}
      <h3>Members: {number(found.count)}</h3>
      <Table label="Members" rows={found.members} columns={MEMBERS} id={(client) => client.id} empty="No member." />
      <h3>
        History <Tag>{levelOf(found.level)}</Tag>
      </h3>
      <Fault text={found.history.error ?? ""} />
      {unique.length ? (
        <ol class="history" aria-label="Kept notifications, the newest first">
          {unique.map((entry) => (
            <li key={entry.at}>
              <span class="mono about">{entry.at.split(".").at(-1)}</span>
              <pre>{pretty(entry.data)}</pre>
            </li>
          ))}
        </ol>
      ) : (
        <p class="empty">Nothing is kept. Notifications are kept while a client of version 2 hears the channel, or by the setting HISTORY.</p>
      )}
      {hasMore && (
        <Button onClick={async () => {
          const page = await ask<History>("history", { id, before: unique.at(-1)!.at });
          older.value = { ...page, entries: [...(older.value?.entries ?? []), ...page.entries] };
        }}>Older</Button>
      )}
    </section>
  );
}
