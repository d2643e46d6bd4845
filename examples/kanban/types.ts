// The types of main.py, made by `walkwire types`. Changes are lost: make the file anew.

import { type Client, type ClientOptions, connect as connectTo } from "./public/walkwire.js";

/** Its reference is its channel. `changes` counts what has happened on it, so that no page applies old news. */
export interface Board {
  id: string;
  context: {
    title: string;
    changes: number;
  };
}

export interface BoardLink {
  id: string;
  title: string;
}

export interface BoardShown {
  title: string;
  columns: string[];
  changes: number;
  cards: Shown[];
}

/** A card in a column. Cards are sorted by `place`, which lies between those of its neighbours. */
export interface Card {
  id: string;
  context: {
    board: string;
    text: string;
    column: number;
    place: number;
    by: string;
    change: number;
  };
}

export interface Gone {
  id: string;
  change: number;
}

/** A card as pages show it. `change` is the number of its last change. */
export interface Shown {
  id: string;
  text: string;
  column: number;
  place: number;
  by: string;
  change: number;
}

export interface AddCardFields {
  text: string;
  column?: number | undefined;
  by?: string | undefined;
}

export type AddCardReport = Shown;

export interface DropCardFields {}

export type DropCardReport = string;

export interface LookFields {}

export type LookReport = BoardShown;

export interface MoveCardFields {
  column: number;
  before?: string | undefined;
}

export type MoveCardReport = Shown;

export interface MyBoardsFields {}

export type MyBoardsReport = BoardLink;

export interface OpenBoardFields {
  title: string;
}

export type OpenBoardReport = BoardLink;

export interface WriteCardFields {
  text: string;
}

export type WriteCardReport = Shown;

/** The walkers that clients call by the socket: `client.walk("NAME", fields)`. */
export interface Walkers {
  /** Put a card at the end of a column. */
  add_card: { fields: AddCardFields; report: AddCardReport };
  /** Take a card off the board. */
  drop_card: { fields: DropCardFields; report: DropCardReport };
  /** A whole board. Join its channel first: what happens afterwards is told there, with a higher number of changes. */
  look: { fields: LookFields; report: LookReport };
  /** Move a card into a column: in front of another card, or to the end. */
  move_card: { fields: MoveCardFields; report: MoveCardReport };
  /** The boards that the caller has made. */
  my_boards: { fields: MyBoardsFields; report: MyBoardsReport };
  /** Make a board. Everybody who has its link may work on it. */
  open_board: { fields: OpenBoardFields; report: OpenBoardReport };
  /** Write something else on a card. */
  write_card: { fields: WriteCardFields; report: WriteCardReport };
}

/** What the program's walkers notify, by the type of the notification. */
export interface Notifications {
  card: Shown;
  gone: Gone;
}

/** A notification of the program: `if (data.type === "…") data.data`. */
export type Notification = { [Type in keyof Notifications]: { type: Type; data: Notifications[Type] } }[keyof Notifications];

/**
 * Make a handler that calls the one for the type of a notification: `client.on("user", told({ … }))`. Others are passed over.
 *
 * @param handlers - by type: get the data, and the notification's position in its stream
 */
export function told(handlers: {
  [Type in keyof Notifications]?: (data: Notifications[Type], at: string) => void;
}): (message: { data: Notification; at: string }) => void {
  return ({ data, at }) => {
    const type: unknown = (data as { type?: unknown } | null)?.type;
    if (typeof type === "string" && Object.hasOwn(handlers, type)) {
      (handlers as { [type: string]: (data: unknown, at: string) => void })[type]?.(data.data, at);
    }
  };
}

/** Connect to the program's server, as `connect` of the client does. */
export function connect(options: ClientOptions): Client<Walkers, Notification> {
  return connectTo<Walkers, Notification>(options);
}
