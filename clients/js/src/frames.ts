/** Frames: what the server sends, as `docs/protocol-v2.md` specifies it. Nothing here exists at run time. */

/** Why a stream could not be recovered. */
export type Reason = "expired" | "reset" | "too_many" | "forbidden" | (string & {});

/** A user who is present in a channel. */
export interface Member {
  root_id: string;
  /** What the user's client gave as `info`, or what the program made of it. */
  info: unknown;
}

/** Either a whole list (`users`), or who has come and gone, or only a count. */
export interface PresenceFrame {
  users?: Member[];
  joined?: Member[];
  left?: Member[];
  count: number;
}

/** Where a stream begins, in the reply to `connect`, `join` and `change_user`. */
export interface Place {
  at?: string;
  recovered: boolean | null;
  reason?: Reason;
  presence?: PresenceFrame;
}

/** `data` of the reply to `connect` and `change_user`. */
export interface Welcome {
  client_id: string;
  root_id: string;
  session: string;
  streams: { user: Place; client: Place; channels: Record<string, Place> };
}

export type Reply =
  | { ok: true; data: unknown }
  | { ok: false; error: { code: string; message: string; retry_in?: number } };

export type Frame =
  | ({ type: "reply"; id: number | string | null } & Reply)
  | { type: "channel"; channel_id: string; at: string; data: unknown }
  | { type: "user" | "client"; at: string; data: unknown }
  | { type: "resync"; stream: "channel" | "user" | "client"; channel_id?: string; at: string; reason: Reason }
  | { type: "session"; session: string }
  | { type: "joined"; channel_id: string; at: string }
  | { type: "left"; channel_id: string; reason?: Reason }
  | ({ type: "presence"; channel_id: string } & PresenceFrame)
  | { type: "expiring" };
