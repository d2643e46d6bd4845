// Users: who is registered, and who of them is connected.

import { signal } from "@preact/signals";
import { server } from "../api.js";
import { send } from "../deeds.js";
import { number, pretty } from "../format.js";
import { go } from "../page.js";
import { Button, type Column, Fault, Filter, Head, Table, Tag, useAsked } from "../ui.js";
import { signInAs } from "../session.js";

interface User {
  id: string;
  email: string;
  root: string;
  is_activated: boolean;
  is_admin: boolean;
  email_proof: string;
  state: string;
  connections: number;
}

const text = signal("");

const COLUMNS: Column<User>[] = [
  { name: "User", show: (user) => user.email },
  { name: "Connections", kind: "number", show: (user) => number(user.connections) },
  {
    name: "Marks",
    show: (user) => (
      <>
        {user.is_admin && <Tag>admin</Tag>}
        {!user.is_activated && <Tag kind="bad">not activated</Tag>}
        {user.email_proof === "pending" && <Tag kind="bad">address not proved</Tag>}
        {user.email_proof === "proved" && <Tag>address proved</Tag>}
      </>
    ),
  },
  { name: "Root", kind: "mono", show: (user) => <span class="break">{user.root}</span> },
  { name: "State", kind: "wide", show: (user) => (user.state === "{}" ? "–" : <code title={pretty(user.state)}>{user.state}</code>) },
  {
    name: "Deeds",
    show: (user) => (
      <span class="row tight">
        <Button kind="plain" label={`Graph of ${user.email}`} onClick={() => go("graph", user.root)}>
          Graph
        </Button>
        <Button kind="plain" label={`Send to ${user.email}`} onClick={() => send("users", user.root)}>
          Send…
        </Button>
        {server.value?.may_sign_in && (
          <Button kind="plain" label={`Walk as ${user.email}`} onClick={() => void signInAs(user.root)}>
            Walk as
          </Button>
        )}
      </span>
    ),
  },
];

export function Users() {
  const { found, error } = useAsked<{ rows: User[]; has_more: boolean }>("users", { find: text.value }, 10000);
  return (
    <>
      <Head title="Users" about={found ? (found.has_more ? `the first ${found.rows.length}` : `${found.rows.length}`) : ""}>
        <Filter value={text} label="Find: address, id or root" />
      </Head>
      <Fault text={error} />
      {found && <Table label="Users" rows={found.rows} columns={COLUMNS} id={(user) => user.id} empty={text.value ? "No user matches." : "Nobody has registered."} />}
    </>
  );
}
