"""An agent that streams: its answers come word by word, it uses tools on the graph of its user, and it can be stopped."""

import logging
import re
from collections.abc import AsyncIterator

import model

from walkwire import Node, PublicError, Root, Walker, create_task, jid, on_entry, root, socket

log = logging.getLogger(__name__)

stopped: set[str] = set()  # answers that their users do not want any more; of this process


class Note(Node):
    """What the agent was told to remember."""

    text: str


class Chat(Node):
    """A conversation. Its reference is its channel."""

    def tell(self, kind: str, data: dict, now: bool = False) -> None:
        socket.notify_channels([jid(self)], {"type": kind, "data": data}, now=now)


class Message(Node):
    """Something that was said. `state`: done, writing, stopped or failed. `steps`: the tools that were used."""

    role: str
    text: str = ""
    state: str = "done"
    steps: list[str] = []

    def shown(self) -> dict:
        return {
            "id": jid(self),
            "role": self.role,
            "text": self.text,
            "state": self.state,
            "steps": self.steps,
        }


# Tools: each takes a text and returns one. They work on the graph of the user who asks.


def remember(text: str) -> str:
    root().connect(Note(text=text[:1000]))
    return f"kept: {text[:1000]}"


def recall(words: str) -> str:
    wanted = set(words.split())
    notes = [note.text for note in root().out(Note)]
    return "\n".join(f"- {note}" for note in notes if wanted & set(re.findall(r"\w{4,}", note.lower())))


TOOLS = {"remember": remember, "recall": recall}


class my_chat(Walker):
    """The caller's conversation, which is begun if there is none. Join its channel first if it is known already."""

    class __specs__:
        methods = ["post", "websocket"]
        entry_type = "ROOT"

    @on_entry
    def show(self, here: Root) -> None:
        chat = (here.out(Chat) or [here.connect(Chat())])[0]
        self.report({"id": jid(chat), "messages": [message.shown() for message in chat.out(Message)]})


class ask(Walker):
    """Say something to the agent. It answers in the background, word by word in the channel of the conversation."""

    text: str

    class __specs__:
        methods = ["post", "websocket"]
        entry_type = "NODE"

    @on_entry
    def put(self, here: Chat) -> None:
        text = self.text.strip()
        if not 1 <= len(text) <= 4000:
            raise PublicError("bad_text", "A message has 1 to 4,000 characters", status=422)
        if any(message.state == "writing" for message in here.out(Message, limit=-1)):
            raise PublicError("writing", "The agent is still answering", status=409)
        question = here.connect(Message(role="user", text=text))
        answer = here.connect(Message(role="assistant", state="writing"))
        here.tell("message", question.shown())
        here.tell("message", answer.shown())
        create_task(write(), answer)  # stored with the question: it runs after the commit, once
        self.report({"question": jid(question), "answer": jid(answer)})


async def pieces(conversation: list[dict[str, str]]) -> AsyncIterator[str | model.Call | None]:
    """What the model says; None at the end if it fails. What it has said so far is kept."""
    try:
        async for piece in model.stream(conversation):
            yield piece
    except Exception:
        log.exception("The model failed")
        yield None


class write(Walker):
    """Write an answer. Pieces are told at once and may be told again; the answer is told when it is stored."""

    class __specs__:
        private = True

    @on_entry
    async def answer(self, here: Message) -> None:
        chat = here.into(Chat)[0]
        said, steps, state = "", [], "done"
        conversation = [
            {"role": message.role, "text": message.text} for message in chat.out(Message) if message != here
        ]
        is_over = False
        while not is_over:
            is_over = True
            async for piece in pieces(conversation):
                if piece is None or jid(here) in stopped:
                    state = "failed" if piece is None else "stopped"
                    break
                if isinstance(piece, model.Call):
                    steps.append(f"{piece.tool}: {piece.argument}")
                    chat.tell("steps", {"id": jid(here), "steps": steps}, now=True)
                    conversation.append({"role": "tool", "text": TOOLS[piece.tool](piece.argument)})
                    is_over = False
                    break
                chat.tell("piece", {"id": jid(here), "from": len(said), "text": piece}, now=True)
                said += piece
        stopped.discard(jid(here))
        here.text, here.steps, here.state = said, steps, state
        chat.tell("message", here.shown())


class stop(Walker):
    """Let the agent stop writing this answer."""

    class __specs__:
        methods = ["post", "websocket"]
        entry_type = "NODE"

    @on_entry
    def note(self, here: Message) -> None:
        if here.state == "writing":
            stopped.add(jid(here))
        self.report(here.state)
