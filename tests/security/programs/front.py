"""A program for attacks over HTTP: uploads, lists, an excluded field, answers of any size, a graph."""

from fastapi import UploadFile

from walkwire import Node, PublicError, Root, Walker, on_entry
from walkwire.errors import Limited


class Page(Node):
    text: str = ""


class buy(Walker):
    """Callers choose the article. The price is the program's."""

    article: str = "tea"
    price: int = 100

    class __specs__:
        methods = ["websocket", "post"]
        auth = False
        excluded = ["price"]

    @on_entry
    def answer(self, here: Root) -> None:
        self.report([self.article, self.price])


class keep_file(Walker):
    """For users only."""

    file: UploadFile

    @on_entry
    def answer(self, here: Root) -> None:
        self.report([self.file.filename, self.file.size])


class show_files(Walker):
    """For everybody."""

    files: list[UploadFile]
    numbers: list[int] = []

    class __specs__:
        auth = False

    @on_entry
    def answer(self, here: Root) -> None:
        self.report([[file.filename, file.size] for file in self.files])


class add(Walker):
    numbers: list[int] = []
    more: dict[str, list[int]] = {}

    class __specs__:
        methods = ["websocket", "post"]
        auth = False

    @on_entry
    def answer(self, here: Root) -> None:
        self.report(len(self.numbers))


class add_query(Walker):
    numbers: list[int] = []

    class __specs__:
        methods = ["get"]
        as_query = "*"
        auth = False

    @on_entry
    def answer(self, here: Root) -> None:
        self.report(len(self.numbers))


class fill(Walker):
    """An answer of so many bytes, and a page."""

    size: int

    @on_entry
    def answer(self, here: Root) -> None:
        here.connect(Page("x"))
        self.report("x" * self.size)


class write(Walker):
    count: int
    size: int

    @on_entry
    def answer(self, here: Root) -> None:
        for _ in range(self.count):
            here.connect(Page("x" * self.size))


class count_pages(Walker):
    @on_entry
    def answer(self, here: Root) -> None:
        self.report(len(here.out(Page)))


class refuse(Walker):
    own: bool = False

    class __specs__:
        auth = False

    @on_entry
    def answer(self, here: Root) -> None:
        raise PublicError("slow", "Slower, please", 429) if self.own else Limited("Slower, please")


class hooked(Walker):
    """With it the program has the routes of webhook keys."""

    class __specs__:
        webhook = {"type": "header", "name": "X-API-KEY"}

    @on_entry
    def answer(self, here: Root) -> None:
        self.report("here")
