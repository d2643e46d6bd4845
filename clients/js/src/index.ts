/** What `import … from "walkwire"` gives. */

export { Channel } from "./channel.js";
export type {
  ChannelEvents, ChannelOptions, HistoryPage, MembersPage, Message, PageOptions, Presence, PresenceChange, Recovered, Resync, SendOptions,
} from "./channel.js";
export { Client, connect } from "./client.js";
export type { ClientEvents, ClientOptions } from "./client.js";
export type { Clock } from "./clock.js";
export type { State, StateChange, Token, TokenRequest, WebSocketClass } from "./dialer.js";
export { WalkwireError } from "./error.js";
export type { ErrorCode } from "./error.js";
export type { Member, Reason } from "./frames.js";
export type { WebSocketLike } from "./link.js";
export type { MailboxOptions } from "./mailbox.js";
export type { CallOptions, QueueBound } from "./outbox.js";
export type { Page, Storage } from "./page.js";
export type { AnyWalkers, WalkArguments, WalkerType, WalkOptions, WalkReply } from "./walker.js";
