"""A shared kanban: boards of cards that everybody with the link moves, sees move, and sees who else is looking."""

from typing import TypedDict

from walkwire import Node, PublicError, Root, Walker, delete, jid, jobj, on_entry, perm_grant, socket

COLUMNS = ["To do", "Doing", "Done"]
MOST_CARDS = 500


class BoardLink(TypedDict):
    id: str
    title: str


class Shown(TypedDict):
    """A card as pages show it. `change` is the number of its last change."""

    id: str
    text: str
    column: int
    place: float
    by: str
    change: int


class BoardShown(TypedDict):
    title: str
    columns: list[str]
    changes: int
    cards: list[Shown]


class Gone(TypedDict):
    id: str
    change: int


class Board(Node):
    """Its reference is its channel. `changes` counts what has happened on it, so that no page applies old news."""

    title: str
    changes: int = 0

    def tell(self, kind: str, data: dict) -> None:
        """Tell everybody who looks at the board; those who are away hear it when they come back."""
        socket.notify_channels([jid(self)], {"type": kind, "data": data})


class Card(Node):
    """A card in a column. Cards are sorted by `place`, which lies between those of its neighbours."""

    board: str
    text: str
    column: int
    place: float
    by: str
    change: int = 0

    def tell(self) -> None:
        """Count a change of the card, and tell the card as it is now."""
        board = jobj(self.board)
        board.changes += 1
        self.change = board.changes
        board.tell("card", self.shown())

    def shown(self) -> Shown:
        return {
            "id": jid(self),
            "text": self.text,
            "column": self.column,
            "place": self.place,
            "by": self.by,
            "change": self.change,
        }


def words(text: str, most: int) -> str:
    """The text without spaces around it."""
    text = text.strip()
    if not 1 <= len(text) <= most:
        raise PublicError("bad_text", f"Write 1 to {most} characters", status=422)
    return text


def order(card: Card) -> tuple[float, str]:
    """What cards of a column are sorted by."""
    return card.place, jid(card)


def end_of(board: Board, column: int) -> float:
    """The place behind all cards of a column."""
    return max((card.place for card in board.out(Card, column=column)), default=0.0) + 1.0


def checked(column: int) -> int:
    if not 0 <= column < len(COLUMNS):
        raise PublicError("no_column", "There is no such column", status=422)
    return column


# Boards


class open_board(Walker):
    """Make a board. Everybody who has its link may work on it."""

    title: str

    class __specs__:
        methods = ["post", "websocket"]
        entry_type = "ROOT"
        tags = ["Boards"]
        reports = BoardLink

    @on_entry
    def make(self, here: Root) -> None:
        board = here.connect(Board(title=words(self.title, 80)))
        perm_grant(board, "WRITE")
        self.report({"id": jid(board), "title": board.title})


class my_boards(Walker):
    """The boards that the caller has made."""

    class __specs__:
        methods = ["get", "post", "websocket"]
        entry_type = "ROOT"
        tags = ["Boards"]
        reports = BoardLink

    @on_entry
    def list_boards(self, here: Root) -> None:
        for board in here.out(Board):
            self.report({"id": jid(board), "title": board.title})


class look(Walker):
    """A whole board. Join its channel first: what happens afterwards is told there, with a higher number of changes."""

    class __specs__:
        methods = ["get", "post", "websocket"]
        entry_type = "NODE"
        tags = ["Boards"]
        reports = BoardShown

    @on_entry
    def show(self, here: Board) -> None:
        cards = [card.shown() for card in here.out(Card)]
        self.report({"title": here.title, "columns": COLUMNS, "changes": here.changes, "cards": cards})


# Cards


class add_card(Walker):
    """Put a card at the end of a column."""

    text: str
    column: int = 0
    by: str = ""

    class __specs__:
        methods = ["post", "websocket"]
        entry_type = "NODE"
        tags = ["Cards"]
        reports = Shown
        tells = {"card": Shown}

    @on_entry
    def add(self, here: Board) -> None:
        if len(here.out(Card)) >= MOST_CARDS:
            raise PublicError("full", f"A board has {MOST_CARDS} cards at most", status=409)
        column = checked(self.column)
        card = Card(
            board=jid(here),
            text=words(self.text, 500),
            column=column,
            place=end_of(here, column),
            by=self.by.strip()[:30],
        )
        here.connect(card)
        perm_grant(card, "WRITE")
        card.tell()
        self.report(card.shown())


class move_card(Walker):
    """Move a card into a column: in front of another card, or to the end."""

    column: int
    before: str = ""

    class __specs__:
        methods = ["post", "websocket"]
        entry_type = "NODE"
        tags = ["Cards"]
        reports = Shown
        tells = {"card": Shown}

    @on_entry
    def move(self, here: Card) -> None:
        column, board = checked(self.column), jobj(here.board)
        others = sorted((card for card in board.out(Card, column=column) if card != here), key=order)
        behind = next((n for n, card in enumerate(others) if jid(card) == self.before), len(others))
        above = others[behind - 1].place if behind else 0.0
        below = others[behind].place if behind < len(others) else above + 2.0
        here.place = (above + below) / 2
        if not above < here.place < below:  # no number lies between them any more: number them anew
            for place, card in enumerate((*others[:behind], here, *others[behind:]), 1):
                card.place = float(place)
                if card != here:
                    card.tell()
        here.column = column
        here.tell()
        self.report(here.shown())


class write_card(Walker):
    """Write something else on a card."""

    text: str

    class __specs__:
        methods = ["post", "websocket"]
        entry_type = "NODE"
        tags = ["Cards"]
        reports = Shown
        tells = {"card": Shown}

    @on_entry
    def write(self, here: Card) -> None:
        here.text = words(self.text, 500)
        here.tell()
        self.report(here.shown())


class drop_card(Walker):
    """Take a card off the board."""

    class __specs__:
        methods = ["post", "websocket"]
        entry_type = "NODE"
        tags = ["Cards"]
        reports = str
        tells = {"gone": Gone}

    @on_entry
    def drop(self, here: Card) -> None:
        board, id = jobj(here.board), jid(here)
        board.changes += 1
        board.tell("gone", {"id": id, "change": board.changes})
        delete(here)
        self.report(id)
