// The frame of the page: where each view is reached, and what every view has in common.

import { effect, signal, useSignal } from "@preact/signals";
import { render } from "preact";
import { needsToken, server, token } from "./api.js";
import { Sending } from "./deeds.js";
import { follow, isPaused, pause, state, trouble } from "./live.js";
import { type View, VIEWS, begin, go, notice, theme, view } from "./page.js";
import { Button, Dialog, Question } from "./ui.js";
import { Channels } from "./views/channels.js";
import { Connections } from "./views/connections.js";
import { Graph } from "./views/graph.js";
import { Overview } from "./views/overview.js";
import { Streams } from "./views/streams.js";
import { Tail } from "./views/tail.js";
import { Tasks } from "./views/tasks.js";
import { Users } from "./views/users.js";
import { Walkers } from "./views/walkers.js";

const SHOWN = { overview: Overview, live: Tail, connections: Connections, channels: Channels, graph: Graph, walkers: Walkers, tasks: Tasks, users: Users, streams: Streams };
const NAMES: Record<View, string> = { overview: "Overview", live: "Live", connections: "Connections", channels: "Channels", graph: "Graph", walkers: "Walkers", tasks: "Tasks", users: "Users", streams: "Streams" };
const KEYS: [string, string][] = [
  ["1 … 9", "the views, in their order"],
  ["/", "the filter of the view"],
  ["p", "pause the live feed, or go on"],
  ["t", "light or dark"],
  ["?", "this list"],
  ["Esc", "close what is open"],
];
const showsKeys = signal(false);

function Console() {
  const Shown = SHOWN[view.value];
  if (needsToken.value) return <SignIn />;
  return (
    <>
      <a class="skip" href="#view" onClick={(event) => (event.preventDefault(), document.getElementById("view")?.focus())}>
        To the view
      </a>
      <header class="side">
        <div class="brand">
          walkwire
          {server.value && <span class={`mode ${server.value.production ? "production" : ""}`}>{server.value.production ? "production" : "development"}</span>}
        </div>
        <nav aria-label="Views">
          {VIEWS.map((one, at) => (
            <a key={one} href={`console#${one}`} aria-current={one === view.value ? "page" : undefined}>
              {NAMES[one]}
              <kbd aria-hidden="true">{at + 1}</kbd>
            </a>
          ))}
        </nav>
        <div class="foot">
          <span class={`state ${state.value}`} role="status">
            {state.value === "live" ? (isPaused.value ? "paused" : "live") : state.value === "connecting" ? "connecting" : trouble.value}
          </span>
          <Button kind="plain" onClick={turnTheme} label={`Theme: ${theme.value}`} title="Key: t">
            {theme.value === "light" ? "☾" : "☀"}
          </Button>
          <Button kind="plain" onClick={() => (showsKeys.value = true)} label="Keys" title="Key: ?">
            ?
          </Button>
        </div>
      </header>
      <main id="view" tabIndex={-1}>
        {state.value === "closed" ? <p class="fault" role="alert">{trouble.value}</p> : <Shown />}
      </main>
      <Sending />
      <Question />
      {showsKeys.value && (
        <Dialog title="Keys" onClose={() => (showsKeys.value = false)}>
          <dl class="facts">
            {KEYS.map(([key, what]) => (
              <div key={key}>
                <dt>
                  <kbd>{key}</kbd>
                </dt>
                <dd>{what}</dd>
              </div>
            ))}
          </dl>
        </Dialog>
      )}
      <div class="notices" role="status" aria-live="polite">
        {notice.value && <p class={notice.value.isBad ? "bad" : ""}>{notice.value.text}</p>}
      </div>
    </>
  );
}

function SignIn() {
  const given = useSignal("");
  return (
    <main class="sign-in">
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault();
          token.value = given.value.trim();
          state.value = "connecting";
          void follow();
        }}
      >
        <h1>walkwire console</h1>
        <label class="field">
          <span>Token</span>
          <input type="password" autocomplete="off" autofocus value={given} onInput={(event) => (given.value = event.currentTarget.value)} />
          <small>The value of CONSOLE_TOKEN, or an administrator’s token. It is kept in the memory of this page only.</small>
        </label>
        {token.value && state.value === "closed" && <p class="fault" role="alert">This token does not open the console.</p>}
        <div class="row end">
          <button type="submit" class="main" disabled={!given.value}>
            Open
          </button>
        </div>
      </form>
    </main>
  );
}

function turnTheme(): void {
  theme.value = theme.value === "light" ? "dark" : "light";
}

function press(event: KeyboardEvent): void {
  const isTyping = (event.target as HTMLElement).matches("input, textarea, select");
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (isTyping) {
    if (event.key === "Escape") (event.target as HTMLElement).blur();
    return;
  }
  const at = Number(event.key);
  if (at >= 1 && at <= VIEWS.length) go(VIEWS[at - 1]!);
  else if (event.key === "/") document.querySelector<HTMLElement>(".filter")?.focus();
  else if (event.key === "p") pause(!isPaused.value);
  else if (event.key === "t") turnTheme();
  else if (event.key === "?") showsKeys.value = true;
  else return;
  event.preventDefault();
}

begin();
effect(() => {
  document.documentElement.dataset.theme = theme.value;
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", ({ matches }) => (theme.value = matches ? "dark" : "light"));
addEventListener("keydown", press);
void follow();
render(<Console />, document.getElementById("console")!);
