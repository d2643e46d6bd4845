"""Model: what answers. This one is a stand-in that needs no outside service, and streams as a real one does.

Put a real one in place of the body of `stream`: send it `conversation` and `TOOLS`, yield its text piece by piece as it comes,
and yield a `Call` where it wants a tool. `main.py` does the rest.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

PAUSE = 0.03  # seconds between two pieces
TOOLS = {
    "remember": "Keep a note of the user. The argument is its text.",
    "recall": "Find the user's notes that have one of these words.",
}


@dataclass(frozen=True)
class Call:
    """The model wants a tool to be used, and to go on with the result."""

    tool: str
    argument: str


async def stream(conversation: list[dict[str, str]]) -> AsyncIterator[str | Call]:
    """Yield the answer to a conversation, a list of `role` (user, assistant, tool) and `text`, piece by piece."""
    last = conversation[-1]
    question = next(one["text"] for one in reversed(conversation) if one["role"] == "user")
    if last["role"] == "user" and (
        note := re.match(r"\s*remember\b[:,]?(?: that)?\s*(.+)", question, re.I | re.S)
    ):
        yield Call("remember", note[1].strip())
    elif last["role"] == "user" and question.rstrip().endswith("?"):
        yield Call("recall", " ".join(re.findall(r"\w{4,}", question.lower())))
    else:
        for piece in re.findall(r"\S+\s*", _answer(last)):
            await asyncio.sleep(PAUSE)
            yield piece


def _answer(last: dict[str, str]) -> str:
    if last["role"] == "user":
        return (
            "I am a stand-in for a language model, and can do two things. Say “remember that the spare key is under the "
            "blue pot”, and I keep it. Ask “where is the spare key?”, and I look it up. A real model goes into model.py."
        )
    if last["text"].startswith("kept: "):
        return f"I have noted that {last['text'].removeprefix('kept: ')}"
    if not last["text"]:
        return "I have no note about that. Tell me with “remember that …”, and I will know the next time."
    return f"This is what you told me:\n\n{last['text']}"
