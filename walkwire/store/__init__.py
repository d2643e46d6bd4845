"""Store: the contract between walkwire and a database. Kinds live in `stores/`, chosen by the scheme of a URL.

Guarantees:

- All calls are synchronous and may come from any thread.
- A commit is all or nothing. Once it has returned, it survives the death of the process.
- A read sees committed data only.
- A call raises the errors that its docstring names, and errors of the driver.
"""

from walkwire.store.archive import ArchivedRecord as ArchivedRecord
from walkwire.store.archive import ArchiveStore as ArchiveStore
from walkwire.store.archive import NotARecord as NotARecord
from walkwire.store.archive import NotEmpty as NotEmpty
from walkwire.store.asking import BATCH as BATCH
from walkwire.store.asking import RETURN_SECONDS as RETURN_SECONDS
from walkwire.store.asking import Asking as Asking
from walkwire.store.asking import Rereading as Rereading
from walkwire.store.changes import Changes as Changes
from walkwire.store.changes import Held as Held
from walkwire.store.changes import Lost as Lost
from walkwire.store.changes import Reads as Reads
from walkwire.store.graph import CommitAll as CommitAll
from walkwire.store.graph import GraphStore as GraphStore
from walkwire.store.graph import UnitOfWork as UnitOfWork
from walkwire.store.graph import View as View
from walkwire.store.keyed_call import KeyedCall as KeyedCall
from walkwire.store.keyed_call import KeyedCallStore as KeyedCallStore
from walkwire.store.keyed_call import KeyHeld as KeyHeld
from walkwire.store.keyed_call import KeyTaken as KeyTaken
from walkwire.store.kind import StoreKind as StoreKind
from walkwire.store.kind import StoreState as StoreState
from walkwire.store.record import ANY_KIND as ANY_KIND
from walkwire.store.record import Direction as Direction
from walkwire.store.record import EdgeRecord as EdgeRecord
from walkwire.store.record import Neighbourhood as Neighbourhood
from walkwire.store.record import NodeRecord as NodeRecord
from walkwire.store.record import RecordPages as RecordPages
from walkwire.store.record import RecordTable as RecordTable
from walkwire.store.record import Search as Search
from walkwire.store.record import Selection as Selection
from walkwire.store.record import StoredRecord as StoredRecord
from walkwire.store.record import kinds_searched as kinds_searched
from walkwire.store.record import kinds_written as kinds_written
from walkwire.store.service import ServiceExists as ServiceExists
from walkwire.store.service import ServiceRecord as ServiceRecord
from walkwire.store.service import ServiceStore as ServiceStore
from walkwire.store.session import SessionRecord as SessionRecord
from walkwire.store.session import SessionStore as SessionStore
from walkwire.store.session import TicketStore as TicketStore
from walkwire.store.session import TokenState as TokenState
from walkwire.store.session import TooManySessions as TooManySessions
from walkwire.store.shared_locks import SharedLocks as SharedLocks
from walkwire.store.shared_locks import are_of_kinds as are_of_kinds
from walkwire.store.shared_locks import lock_keys as lock_keys
from walkwire.store.store import Store as Store
from walkwire.store.store import StoreLoad as StoreLoad
from walkwire.store.streams import QUIET_SECONDS as QUIET_SECONDS
from walkwire.store.streams import StreamBound as StreamBound
from walkwire.store.streams import StreamEntry as StreamEntry
from walkwire.store.streams import StreamPage as StreamPage
from walkwire.store.streams import StreamPlace as StreamPlace
from walkwire.store.streams import StreamStore as StreamStore
from walkwire.store.streams import new_epoch as new_epoch
from walkwire.store.task import TaskEnd as TaskEnd
from walkwire.store.task import TaskRecord as TaskRecord
from walkwire.store.task import TaskState as TaskState
from walkwire.store.task import TaskStore as TaskStore
from walkwire.store.task import TaskTaken as TaskTaken
from walkwire.store.user import LONGEST_SUBJECT as LONGEST_SUBJECT
from walkwire.store.user import EmailProof as EmailProof
from walkwire.store.user import IdentityExists as IdentityExists
from walkwire.store.user import IdentityStore as IdentityStore
from walkwire.store.user import UserExists as UserExists
from walkwire.store.user import UserKey as UserKey
from walkwire.store.user import UserRecord as UserRecord
from walkwire.store.user import UserStore as UserStore
from walkwire.store.user import email_key as email_key
from walkwire.store.user import known_user as known_user
from walkwire.store.webhook import LATEST as LATEST
from walkwire.store.webhook import TooManyWebhookKeys as TooManyWebhookKeys
from walkwire.store.webhook import WebhookKey as WebhookKey
from walkwire.store.webhook import WebhookKeyExists as WebhookKeyExists
from walkwire.store.webhook import WebhookStore as WebhookStore
