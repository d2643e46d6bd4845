// The page of the board. Plain JavaScript without a build, checked by TypeScript against `../types.ts`, which `walkwire types` makes.
// @ts-check

import { connect } from "./walkwire.js";

/**
 * @typedef {import("../types.js").Walkers} Walkers
 * @typedef {import("../types.js").Notification} Notification
 * @typedef {import("../types.js").Shown} Card
 * @typedef {Card & { isGone?: boolean }} Hoped a card as it will be if the server agrees
 */

/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);
/** @type {{ key: false, resend: true }} */
const READS = { key: false, resend: true }; // for walkers that may be called twice without harm
const COLOURS = ["#4453b8", "#0f766e", "#b4532a", "#8a3ea8", "#a8324f", "#3f7d20", "#1f6fb2", "#7a6413"];

/** @type {import("./walkwire.js").Client<Walkers, Notification>} */
let client;
/** @type {import("./walkwire.js").Channel<Notification>} of the board that is shown */
let channel;
/** @type {string[]} */
let columns = [];
let dragged = "";
/** @type {Map<string, Card>} by id, as the server told them last */
const cards = new Map();
/** @type {Map<string, number>} change with which a card was dropped: older news of it is not applied */
const gone = new Map();
/** @type {Map<string, Hoped>} by id, what the page has asked for and the server has not answered */
const hoped = new Map();

// ---- A guest: an account that the browser makes and keeps ----

/**
 * @param {string} path
 * @param {object} body
 * @param {AbortSignal} [signal]
 */
async function post(path, body, signal) {
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal: signal ?? null });
  if (!answer.ok) throw new Error(`The server answered with ${answer.status}`);
  return answer.json();
}

/** @param {string} name */
async function guest(name) {
  const random = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const account = { email: `${random()}@guest.example`, password: random() };
  await post("/user/register", { ...account });
  localStorage.guest = JSON.stringify({ account, name });
}

const known = () => JSON.parse(localStorage.guest ?? "null");

let token = "";
/** @param {import("./walkwire.js").TokenRequest} request */
async function logIn({ renew, signal }) {
  if (renew || !token) ({ token } = await post("/user/login", known().account, signal));
  return token;
}

$("begin").onsubmit = tries(async () => {
  const name = $("name").value.trim();
  if (!known()) await guest(name);
  localStorage.guest = JSON.stringify({ ...known(), name });
  if (!client) start();
  if (location.hash.length < 2) {
    const { reports: [made] } = await client.walk("open_board", { title: $("board-title").value.trim() || "A board" });
    location.hash = made?.id ?? "";
  } else show();
});

// ---- Connection ----

function start() {
  client = /** @type {typeof connect<Walkers, Notification>} */ (connect)({ url: "/websocket", token: logIn, info: { name: known().name } });
  client.on("state", ({ state }) => {
    if (state == "connected") showState("Connected", true);
    else if (state == "closed") showState("Closed");
    else showState(state == "connecting" ? "Connecting…" : "No connection. What you do is sent later.");
  });
}

/** @param {string} text */
function showState(text, isOn = false) {
  $("status").textContent = text;
  $("status").classList.toggle("on", isOn);
  $("page").classList.toggle("stale", !isOn);
}

/** Show the board that the address names: join its channel first, so that nothing is missed behind the look at it. */
function show() {
  channel?.leave();
  for (const map of [cards, gone, hoped]) map.clear();
  $("begin").hidden = true;
  channel = client.channel(location.hash.slice(1), { presence: "list" });
  channel.on("message", ({ data }) => heard(data));
  channel.on("presence", showPeople);
  channel.on("recovered", (event) => {
    if (event.recovered) return;
    if (event.reason == "forbidden") problem("There is no such board.");
    else look();
  });
  channel.on("resync", () => void look());
  look();
}

const look = tries(async () => {
  const { id } = channel;
  const { reports: [board] } = await client.walk("look", {}, { node: id, ...READS });
  if (channel.id != id || !board) return;
  columns = board.columns;
  $("title").textContent = document.title = board.title;
  for (const [key, card] of cards) if (card.change <= board.changes) cards.delete(key); // those that are there come again
  board.cards.forEach(put);
  draw();
});

/**
 * Put in a card as the server knows it. All numbers of changes only grow, so it does not matter which news comes first.
 *
 * @param {Card} card
 */
function put(card) {
  const before = Math.max(cards.get(card.id)?.change ?? 0, gone.get(card.id) ?? 0);
  if (card.change <= before) return false;
  cards.set(card.id, card);
  return true;
}

/** @param {Notification} news */
function heard(news) {
  if (news.type == "card" && put(news.data)) draw(news.data.id);
  if (news.type == "gone") {
    gone.set(news.data.id, news.data.change);
    cards.delete(news.data.id);
    draw();
  }
}

/**
 * Do something to a card: shown at once, sent when there is a connection, and taken back if the server refuses.
 *
 * @param {Card} card
 * @param {Partial<Hoped>} hope how the card will be
 * @param {() => Promise<{ reports: (Card | string)[] }>} call
 */
async function act(card, hope, call) {
  const mine = { ...card, ...hope };
  hoped.set(card.id, mine);
  draw();
  try {
    const { reports: [now] } = await call();
    if (typeof now == "object") put(now);
  } catch (error) {
    failed(error);
  }
  if (hoped.get(card.id) == mine) hoped.delete(card.id);
  draw();
}

// ---- What is seen. Text, never markup: what others write is not trusted. ----

/**
 * @param {string} tag
 * @param {string} className
 * @param {(Node | string)[]} content
 * @returns {any}
 */
function element(tag, className, ...content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

/**
 * @param {string} name
 * @param {string} text
 * @param {() => void} onclick
 */
function button(name, text, onclick) {
  const made = element("button", "", text);
  made.type = "button";
  made.ariaLabel = made.title = name;
  made.onclick = onclick;
  return made;
}

/** @param {number} column */
const inColumn = (column) =>
  [...cards.values()].map((card) => /** @type {Hoped} */ (hoped.get(card.id) ?? card)).filter((card) => card.column == column && !card.isGone)
    .sort((one, other) => one.place - other.place || (one.id < other.id ? -1 : 1));

/** @param {string} [news] the card that has changed */
function draw(news) {
  if (!$("board").children.length) $("board").append(...columns.map(laneOf));
  $("board").hidden = false;
  columns.forEach((_, column) => {
    const lane = $("board").children[column], found = inColumn(column);
    lane.querySelector(".count").textContent = found.length;
    const focused = /** @type {HTMLElement | null} */ (document.activeElement?.closest(".card"))?.dataset.id, label = document.activeElement?.ariaLabel;
    lane.querySelector(".cards").replaceChildren(...found.map((card) => cardOf(card, card.id == news)));
    if (focused && label) /** @type {HTMLElement[]} */ ([...document.querySelectorAll(`[data-id="${focused}"] button`)]).find((one) => one.ariaLabel == label)?.focus();
  });
}

/**
 * @param {string} name
 * @param {number} column
 */
function laneOf(name, column) {
  const text = element("input", "");
  Object.assign(text, { id: `add-${column}`, maxLength: 500, required: true, placeholder: "a new card", autocomplete: "off" });
  const label = element("label", "unseen", `A new card in ${name}`);
  label.htmlFor = text.id;
  const form = element("form", "", label, element("div", "row", text, element("button", "", "Add")));
  form.onsubmit = tries(async () => {
    const { value } = text;
    text.value = "";
    const { reports: [card] } = await client.walk("add_card", { text: value, column, by: known().name }, { node: channel.id });
    if (card && put(card)) draw(card.id);
  });
  const lane = element("section", "lane", element("h2", "", name, element("span", "count", "0")), element("ol", "cards"), form);
  lane.ariaLabel = name;
  lane.ondragover = (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    lane.classList.add("over");
  };
  lane.ondragleave = () => lane.classList.remove("over");
  lane.ondrop = (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    lane.classList.remove("over");
    const before = [...lane.querySelectorAll(".card")].find((card) => {
      const { top, height } = card.getBoundingClientRect();
      return card.dataset.id != dragged && event.clientY < top + height / 2;
    });
    const card = cards.get(dragged);
    if (card) move(card, column, before?.dataset.id);
  };
  return lane;
}

/**
 * @param {Card} card
 * @param {number} column
 * @param {string} [before] the card that it is put in front of
 */
function move(card, column, before) {
  const others = inColumn(column).filter(({ id }) => id != card.id);
  const index = before ? others.findIndex(({ id }) => id == before) : others.length;
  const above = others[index - 1]?.place ?? 0, below = others[index]?.place ?? above + 2;
  const hope = { column, place: (above + below) / 2 };
  act(card, hope, () => client.walk("move_card", { column, before: before ?? "" }, { node: card.id }));
}

/**
 * @param {Hoped} card
 * @param {boolean} isNews
 */
function cardOf(card, isNews) {
  const { column } = card;
  const foot = element("div", "foot", element("span", "", card.by));
  if (column > 0) foot.append(button(`Move to ${columns[column - 1]}`, "←", () => move(card, column - 1)));
  if (column < columns.length - 1) foot.append(button(`Move to ${columns[column + 1]}`, "→", () => move(card, column + 1)));
  foot.append(
    button("Edit", "✎", () => edit(card)),
    button("Remove", "×", () => act(card, { isGone: true }, () => client.walk("drop_card", {}, { node: card.id }))),
  );
  const item = element("li", "card", element("div", "text", card.text), foot);
  item.dataset.id = card.id;
  item.draggable = true;
  item.classList.toggle("mine", card.by == known().name);
  item.classList.toggle("waits", hoped.has(card.id));
  item.classList.toggle("news", isNews);
  item.ondragstart = (/** @type {DragEvent} */ event) => {
    dragged = card.id;
    if (event.dataTransfer) event.dataTransfer.effectAllowed = "move";
  };
  return item;
}

/** @param {Card} card */
function edit(card) {
  const text = prompt("What is on the card", card.text)?.trim();
  if (text && text != card.text) act(card, { text }, () => client.walk("write_card", { text }, { node: card.id }));
}

function showPeople() {
  const people = [...channel.presence.members.values()].map((info) => String(/** @type {{ name?: unknown }} */ (info).name ?? "?"));
  $("people").replaceChildren(...people.sort().map((name) => {
    const item = element("li", "", name.slice(0, 1).toUpperCase(), element("span", "unseen", `${name} is looking`));
    item.title = name;
    item.style.background = COLOURS[[...name].reduce((sum, sign) => sum + (sign.codePointAt(0) ?? 0), 0) % COLOURS.length];
    return item;
  }));
}

/** @param {string} text */
const problem = (text) => ($("error").textContent = text);

/** @param {unknown} error an error of the page, or one of the client, which has a code */
function failed(error) {
  const { code, message } = /** @type {{ code?: string, message: string }} */ (error);
  if (code != "closed") problem(message);
}

/**
 * An action whose error is shown. As a handler of a form it also keeps the page.
 *
 * @param {() => Promise<void>} action
 */
function tries(action) {
  return async (/** @type {Event | undefined} */ event = undefined) => {
    event?.preventDefault?.();
    problem("");
    try {
      await action();
    } catch (error) {
      failed(error);
    }
  };
}

function begin() {
  const hasBoard = location.hash.length > 1;
  $("new").hidden = hasBoard;
  $("go").textContent = hasBoard ? "Look at the board" : "Make a board";
  $("name").value = known()?.name ?? "";
  if (known() && hasBoard) {
    if (!client) start();
    show();
  } else $("begin").hidden = false;
}

addEventListener("hashchange", () => (client ? show() : begin()));
begin();
