// As whom the page runs walkers. Tokens are kept in memory only.

import { signal } from "@preact/signals";
import { act, AnswerError, sentenceOf, urlOf } from "./api.js";
import { go, say } from "./page.js";

export interface Person {
  name: string;
  token: string;
}

const PUBLIC: Person = { name: "Public user", token: "" };

export const people = signal<Person[]>([PUBLIC]);
export const me = signal<Person>(PUBLIC);

export function choose(name: string): void {
  me.value = people.value.find((person) => person.name === name) ?? PUBLIC;
}

function add(person: Person): void {
  people.value = [...people.value.filter(({ name }) => name !== person.name), person];
  me.value = person;
  say(`Walkers run as ${person.name} now`);
}

/** Signs in with address and password, as any client does. Returns why it failed, "" if it did not. */
export async function signIn(email: string, password: string): Promise<string> {
  const answer = await fetch(urlOf("user/login"), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ email, password }),
    credentials: "omit",
  });
  const told = await answer.json().catch(() => null);
  if (!answer.ok) return sentenceOf(told) ?? told?.message ?? `The server answered ${answer.status}`;
  add({ name: email, token: told.token });
  return "";
}

export const useToken = (token: string): void => add({ name: `Token …${token.slice(-6)}`, token: token.replace(/^bearer\s+/i, "") });

/** Signs in as a user without the password: in development only. */
export async function signInAs(root: string): Promise<void> {
  try {
    const { token, email } = await act<{ token: string; email: string }>("sign_in", { root });
    add({ name: email, token });
    go("walkers");
  } catch (error) {
    say(error instanceof AnswerError ? error.message : "The server cannot be reached", true);
  }
}
