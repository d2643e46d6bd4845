// Streams: what clients of version 2 hear, and what the database keeps.

import { signal } from "@preact/signals";
import { number, short } from "../format.js";
import { go } from "../page.js";
import { type Column, Fault, Filter, Head, Table, Tag, useAsked } from "../ui.js";
import { type Level, levelOf } from "./channels.js";

interface Stream {
  kind: string;
  name: string;
  listeners: number;
  at: number | null;
  level: Level;
  is_waiting: boolean;
}
interface Durable {
  topic: string;
  at: number;
}

const text = signal("");

const COLUMNS: Column<Stream>[] = [
  { name: "Stream", kind: "mono", show: (stream) => (stream.kind === "channels" ? <button type="button" class="link" onClick={() => go("channels", stream.name)}>{stream.name}</button> : <span title={stream.name}>{short(stream.name)}</span>) },
  { name: "Of", show: (stream) => stream.kind },
  { name: "Listeners", kind: "number", show: (stream) => number(stream.listeners) },
  { name: "Place", kind: "number", show: (stream) => (stream.at === null ? "opening" : number(stream.at)) },
  { name: "Kept", show: (stream) => levelOf(stream.level) },
  { name: "State", show: (stream) => (stream.is_waiting ? <Tag kind="bad">waits for its history</Tag> : "in order") },
];
const DURABLE: Column<Durable>[] = [
  { name: "Topic", kind: "mono", show: ({ topic }) => (topic.startsWith("c.") ? <button type="button" class="link" onClick={() => go("channels", topic.slice(2))}>{topic.slice(2)}</button> : topic) },
  { name: "Notifications so far", kind: "number", show: ({ at }) => number(at) },
];

export function Streams() {
  const { found, error } = useAsked<{ rows: Stream[]; total: number; durable: Durable[] }>("streams", { find: text.value }, 3000);
  return (
    <>
      <Head title="Streams" about={found ? `${number(found.total)} heard` : ""}>
        <Filter value={text} label="Filter streams" />
      </Head>
      <Fault text={error} />
      {found && (
        <>
          <Table label="Streams that are heard" rows={found.rows} columns={COLUMNS} id={(one) => `${one.kind} ${one.name}`} empty="No client of version 2 is connected." />
          <h2>In the database</h2>
          <Table label="Streams in the database" rows={found.durable} columns={DURABLE} id={({ topic }) => topic} empty="No stream is durable. The setting HISTORY makes one." />
        </>
      )}
    </>
  );
}
