// What an operator does: send, disconnect, broadcast, drain.

import { signal, useSignal } from "@preact/signals";
import { act, AnswerError } from "./api.js";
import { say } from "./page.js";
import { Button, Choice, Dialog, question } from "./ui.js";

const KINDS = ["users", "channels", "clients", "everybody"] as const;
type Kind = (typeof KINDS)[number];
const NAMES = { users: "Users", channels: "Channels", clients: "Clients", everybody: "All clients" };

/** What the dialog begins with; null: it is not open. */
export const sending = signal<{ kind: Kind; targets: string } | null>(null);

export async function perform(path: string, body: unknown, done: (answer: Record<string, number>) => string): Promise<boolean> {
  try {
    say(done(await act(path, body)));
    return true;
  } catch (error) {
    say(error instanceof AnswerError ? error.message : "The server cannot be reached", true);
    return false;
  }
}

export const send = (kind: Kind, targets = "") => (sending.value = { kind, targets });

export function disconnect(clients: string[], again: boolean): void {
  const what = clients.length === 1 ? "this client" : `${clients.length} clients`;
  question.value = {
    text: again ? `Close the connection of ${what}. The client may connect again at once.` : `Close the connection of ${what} with a code that tells it to stay away.`,
    deed: again ? "Reconnect" : "Disconnect",
    then: () => void perform("disconnect", { clients, again }, ({ closed }) => `Closed: ${closed}`),
  };
}

export function drain(on: boolean): void {
  if (!on) return void perform("drain", { on }, () => "This server takes connections again");
  question.value = {
    text: "The server reports that it is not ready, takes no new socket, and closes those that it has within ten seconds. It can be ended.",
    deed: "Drain",
    then: () => void perform("drain", { on }, () => "The server is drained"),
  };
}

export function Sending() {
  const begin = sending.value;
  return begin && <SendDialog key={`${begin.kind} ${begin.targets}`} kind={begin.kind} targets={begin.targets} />;
}

function SendDialog(props: { kind: Kind; targets: string }) {
  const kind = useSignal<Kind>(props.kind);
  const targets = useSignal(props.targets);
  const text = useSignal('{\n  "type": "notice",\n  "text": "Hello"\n}');
  const fault = useSignal("");
  const names = targets.value.split(/[\s,]+/).filter(Boolean);
  const deliver = async () => {
    let data: unknown;
    try {
      data = JSON.parse(text.value);
    } catch (error) {
      fault.value = `Not JSON: ${(error as Error).message}`;
      return;
    }
    const isAll = kind.value === "everybody";
    const isDone = await perform(isAll ? "broadcast" : "send", isAll ? { data } : { kind: kind.value, targets: names, data }, ({ sent }) => `Sent to ${sent} ${isAll ? "clients" : kind.value}`);
    if (isDone) sending.value = null;
  };
  return (
    <Dialog title="Send a notification" onClose={() => (sending.value = null)}>
      <label class="field">
        <span>To</span>
        <Choice label="Kind of receivers" value={kind.value} of={KINDS} names={NAMES} onChange={(value) => (kind.value = value)} />
      </label>
      {kind.value !== "everybody" && (
        <label class="field">
          <span>{NAMES[kind.value]}, separated by spaces</span>
          <textarea rows={2} spellcheck={false} value={targets} onInput={(event) => (targets.value = event.currentTarget.value)} />
        </label>
      )}
      <label class="field">
        <span>Data, JSON</span>
        <textarea rows={6} class="mono" spellcheck={false} value={text} onInput={(event) => ((text.value = event.currentTarget.value), (fault.value = ""))} />
      </label>
      {fault.value && <p class="fault" role="alert">{fault}</p>}
      <div class="row end">
        <Button kind="main" disabled={kind.value !== "everybody" && !names.length} onClick={deliver}>
          Send
        </Button>
      </div>
    </Dialog>
  );
}
