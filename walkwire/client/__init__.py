"""Client: a client of version 2 of the wire, which gets what it missed. It knows a server only by its address."""

from walkwire.client.channel import ClientChannel as ClientChannel
from walkwire.client.client import Client as Client
from walkwire.client.client import connect as connect
from walkwire.client.clock import ClientClock as ClientClock
from walkwire.client.error import ClientError as ClientError
from walkwire.client.events import ChannelPresence as ChannelPresence
from walkwire.client.events import HistoryPage as HistoryPage
from walkwire.client.events import MembersPage as MembersPage
from walkwire.client.events import PresenceChange as PresenceChange
from walkwire.client.events import PresentUser as PresentUser
from walkwire.client.events import Recovered as Recovered
from walkwire.client.events import Resync as Resync
from walkwire.client.events import StreamMessage as StreamMessage
from walkwire.client.events import WalkReply as WalkReply
from walkwire.client.inbox import Inbox as Inbox
from walkwire.client.outbox import QueueBound as QueueBound
from walkwire.client.transport import WebSocketTransport as WebSocketTransport
