// Tasks: walks that run later, and the timetables that make them.

import { signal } from "@preact/signals";
import { moment, pretty, short } from "../format.js";
import { Choice, type Column, Fault, Head, Table, Tag, useAsked } from "../ui.js";

interface Task {
  id: string;
  walker: string;
  root: string;
  user: string | null;
  node: string | null;
  state: string;
  due: number;
  begun: number | null;
  status: number | null;
  reports: string | null;
  error: string | null;
}
interface Schedule {
  walker: string;
  trigger: string;
  node: string | null;
  at_once: number;
  save: boolean;
  next: number | null;
}

const STATES = ["all", "PENDING", "STARTED", "COMPLETED", "ERROR"] as const;
const state = signal<(typeof STATES)[number]>("all");

const COLUMNS: Column<Task>[] = [
  { name: "Walker", show: (task) => <span title={task.id}>{task.walker}</span> },
  { name: "State", show: (task) => <Tag kind={task.state === "ERROR" ? "bad" : task.state === "STARTED" ? "main" : ""}>{task.state.toLowerCase()}</Tag> },
  { name: "User", show: (task) => task.user ?? short(task.root) },
  { name: "At", kind: "mono", show: (task) => (task.node === null ? "root" : short(task.node)) },
  { name: "Due", show: (task) => moment(task.due) },
  { name: "Begun", show: (task) => moment(task.begun) || "–" },
  { name: "Outcome", kind: "wide", show: (task) => <code title={pretty(task.error ?? task.reports ?? "")}>{task.error ?? task.reports ?? "–"}</code> },
];
const SCHEDULES: Column<Schedule>[] = [
  { name: "Walker", show: (one) => one.walker },
  { name: "Timetable", kind: "mono", show: (one) => one.trigger },
  { name: "Next", show: (one) => moment(one.next) || "never" },
  { name: "At", kind: "mono", show: (one) => one.node ?? "root of the system" },
  { name: "At once", kind: "number", show: (one) => one.at_once },
  { name: "Outcome", show: (one) => (one.save ? "kept" : "dropped") },
];

export function Tasks() {
  const wanted = state.value === "all" ? undefined : state.value;
  const { found, error } = useAsked<{ rows: Task[]; has_more: boolean; schedules: Schedule[] }>("tasks", { state: wanted }, 3000);
  return (
    <>
      <Head title="Tasks" about={found ? `${found.has_more ? "the latest " : ""}${found.rows.length}` : ""}>
        <Choice label="State of the tasks" value={state.value} of={STATES} onChange={(value) => (state.value = value)} names={{ all: "In any state" }} />
      </Head>
      <Fault text={error} />
      {found && (
        <>
          <Table label="Tasks" rows={found.rows} columns={COLUMNS} id={(task) => task.id} empty="No task. A walker with background=True, or create_task, makes one." />
          <h2>Timetables</h2>
          <Table label="Timetables" rows={found.schedules} columns={SCHEDULES} id={(one) => one.walker} empty="No walker has a timetable." />
        </>
      )}
    </>
  );
}
