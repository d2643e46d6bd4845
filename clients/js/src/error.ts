/** Error: the one class of error that calls of the client fail with, beside the reason of an `AbortSignal`. */

/**
 * A code of the server (`docs/protocol.md`, "Error codes", and those of the program), or one of the client:
 *
 * - `offline`: there is no connection, and the queue is full. Nothing was sent.
 * - `in_doubt`: the connection broke before the answer, and the event may not be sent again. It was done once or not at all.
 *   Also a code of the server.
 * - `user_changed`: the event was called as another user, and was not sent.
 * - `closed`: the client was closed by `close()`.
 * - `taken_over`: the session goes on in another connection.
 * - `protocol`: the server does not speak version 2, or one side broke the protocol.
 * - `too_slow`: an iterator had more unread messages than its buffer holds.
 */
export type ErrorCode =
  | "bad_event" | "bad_reference" | "unknown_walker" | "unauthenticated" | "no_access" | "refused" | "conflict" | "limited"
  | "too_large" | "unprintable" | "internal" | "busy" | "timeout" | "in_doubt"
  | "offline" | "user_changed" | "closed" | "taken_over" | "protocol" | "too_slow"
  | (string & {});

/** Why a call failed, or why the client is closed. */
export class WalkwireError extends Error {
  override readonly name = "WalkwireError";

  constructor(
    readonly code: ErrorCode,
    message: string,
    /** Milliseconds after which a retry may succeed, if the server named them. */
    readonly retryIn?: number,
  ) {
    super(message);
  }
}
