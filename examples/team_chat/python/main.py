"""A team's chat: rooms with history, who is there, who is typing, mentions, unread counts. The same in Jac: `../jac/main.jac`."""

import re
from datetime import UTC, datetime

from walkwire import (
    Node,
    PublicError,
    Root,
    Walker,
    allow_root,
    authorize,
    delete,
    disallow_root,
    jid,
    jobj,
    on_entry,
    perm_grant,
    presence_info,
    root,
    socket,
)

PUBLIC_ROOT = "n::000000000000000000000001"


class Person(Node):
    """A user by name. Everybody finds people below the public root, and may lead them to rooms."""

    name: str
    root_id: str


class Room(Node):
    """Its reference is its channel. `said` is the number of its last message; `members` has their names by root."""

    name: str
    said: int = 0
    members: dict[str, str] = {}

    def let_in(self, person: Person) -> "Member":
        """Give a person the rights of a member. What was said before is not unread."""
        self.members[person.root_id] = person.name
        member = person.connect(Member(root_id=person.root_id, room=jid(self), seen=self.said))
        member.connect(self)
        for node in (self, member):
            allow_root(node, person.root_id, "WRITE")
        return member

    def tell(self, kind: str, data: dict) -> None:
        """Tell everybody who hears the room; those who do not now hear it later."""
        socket.notify_channels([jid(self)], {"type": kind, "data": data})


class Member(Node):
    """Leads from a person to a room. `seen` is the number of the last message that the person has read."""

    root_id: str
    room: str
    seen: int = 0

    def card(self, room: Room) -> dict:
        return {
            "id": jid(room),
            "member": jid(self),
            "name": room.name,
            "members": room.members,
            "said": room.said,
            "seen": self.seen,
            "unread": max(room.said - self.seen, 0),
        }


def myself() -> Person:
    """The person of the caller."""
    found = root().out(Person)
    if not found:
        raise PublicError("no_name", "Introduce yourself first", status=409)
    return found[0]


def membership(room: Room) -> Member:
    """The caller's own, in a room."""
    found = myself().out(Member, room=jid(room))
    if not found:
        raise PublicError("no_member", "You are not in this room", status=403)
    return found[0]


def called(name: str) -> Person:
    """The person of this name."""
    found = jobj(PUBLIC_ROOT).out(Person, name=name.strip().lower())
    if not found:
        raise PublicError("nobody", f"Nobody is called {name}", status=404)
    return found[0]


# People


class introduce(Walker):
    """Give oneself a name, once. Reports the name."""

    name: str = ""

    class __specs__:
        methods = ["post", "websocket"]
        entry_type = "ROOT"
        tags = ["People"]

    @on_entry
    def name_caller(self, here: Root) -> None:
        if not here.out(Person):
            name = self.name.strip().lower()
            people = jobj(PUBLIC_ROOT)
            if not re.fullmatch(r"[\w-]{1,30}", name):
                raise PublicError("bad_name", "A name has 1 to 30 letters, digits, - and _", status=422)
            if people.out(Person, name=name):
                raise PublicError("taken", f"Somebody is called {name} already", status=409)
            person = here.connect(Person(name=name, root_id=jid(here)))
            people.connect(person)
            perm_grant(person, "CONNECT")
        self.report({"name": myself().name, "root_id": jid(here)})


@presence_info
class shown(Walker):
    """What others see of a user who is there: the name, whatever the client says."""

    class __specs__:
        private = True

    @on_entry
    def show(self, here: Root) -> None:
        self.report({"name": myself().name})


# Rooms


class open_room(Walker):
    name: str

    class __specs__:
        methods = ["post", "websocket"]
        entry_type = "ROOT"
        tags = ["Rooms"]

    @on_entry
    def make(self, here: Root) -> None:
        person = myself()
        room = here.connect(Room(name=self.name.strip()[:60] or "A room"))
        self.report(room.let_in(person).card(room))


class my_rooms(Walker):
    """One report for each of the caller's rooms: what is read, and what is not."""

    class __specs__:
        methods = ["get", "post", "websocket"]
        entry_type = "ROOT"
        tags = ["Rooms"]

    @on_entry
    def begin(self, here: Root) -> None:
        self.visit(here.out(Person))

    @on_entry
    def look(self, here: Person) -> None:
        self.visit(here.out(Member))

    @on_entry
    def tell(self, here: Member) -> None:
        for room in here.out(Room):
            self.report(here.card(room))


class invite(Walker):
    """Let somebody into a room, by name. Any member may."""

    name: str

    class __specs__:
        methods = ["post", "websocket"]
        entry_type = "NODE"
        tags = ["Rooms"]

    @on_entry
    def let_in(self, here: Room) -> None:
        membership(here)
        person = called(self.name)
        if person.root_id in here.members:
            raise PublicError("member", f"{person.name} is in this room already", status=409)
        here.let_in(person)
        here.tell("joined", {"name": person.name, "root_id": person.root_id})
        socket.notify_users([person.root_id], {"type": "invited", "data": {"room": jid(here)}})
        self.report(here.members)


class leave_room(Walker):
    """Leave a room. From then on the caller hears nothing of it."""

    class __specs__:
        methods = ["post", "websocket"]
        entry_type = "NODE"
        tags = ["Rooms"]

    @on_entry
    def let_go(self, here: Room) -> None:
        member = membership(here)
        if here in root().out(Room):
            raise PublicError("owner", "The room is yours", status=409)
        name = here.members.pop(jid(root()))
        delete(member)
        here.tell("left", {"name": name, "root_id": jid(root())})
        socket.notify_users([root()], {"type": "left", "data": {"room": jid(here)}})
        disallow_root(here, jid(root()))
        self.report(name)


# In a room


class say(Walker):
    """Say something. Those who are mentioned by `@name` are told wherever they are."""

    text: str

    class __specs__:
        methods = ["post", "websocket"]
        entry_type = "NODE"
        tags = ["Messages"]

    @on_entry
    def speak(self, here: Room) -> None:
        member = membership(here)
        text = self.text.strip()
        if not 1 <= len(text) <= 4000:
            raise PublicError("bad_text", "A message has 1 to 4,000 characters", status=422)
        here.said += 1
        member.seen = here.said
        names = set(re.findall(r"@([\w-]+)", text.lower()))
        others = {id: name for id, name in here.members.items() if id != jid(root())}
        mentioned = {id: name for id, name in others.items() if name in names}
        message = {
            "n": here.said,
            "by": here.members[jid(root())],
            "text": text,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "mentions": list(mentioned.values()),
        }
        here.tell("said", message)
        place = {"room": jid(here), "room_name": here.name}
        socket.notify_users([jobj(id) for id in mentioned], {"type": "mention", "data": {**place, **message}})
        self.report(message)


class read(Walker):
    """All messages up to this number are read. The caller's other windows are told."""

    number: int

    class __specs__:
        methods = ["post", "websocket"]
        entry_type = "NODE"
        tags = ["Messages"]

    @on_entry
    def note(self, here: Member) -> None:
        if here.root_id != jid(root()):  # it is owned by whoever invited the member
            raise PublicError("no_member", "You read for yourself only", status=403)
        if self.number > here.seen:
            here.seen = self.number
            socket.notify_users([root()], {"type": "read", "data": {"room": here.room, "seen": here.seen}})
        self.report(here.seen)


@authorize("typing:*", seconds=10)
class may_type(Walker):
    """Who is typing is said in a channel beside that of the room, by and to its members."""

    channel_id: str

    class __specs__:
        private = True

    @on_entry
    def decide(self, here: Root) -> None:
        room = jobj(self.channel_id.removeprefix("typing:"))
        self.report(isinstance(room, Room) and jid(here) in room.members)
