"""A program that keeps numbers and tells them to a channel whose stream is durable."""

from walkwire import Node, Root, Walker, commit, on_entry, socket


class Told(Node):
    number: int


class Counter(Node):
    count: int = 0


class Open:
    class __specs__:
        methods = ["websocket", "post"]
        auth = False


class tell(Open, Walker):
    """Keeps a number and tells it. `fails`: raises after that, so that neither is to be seen."""

    number: int
    fails: bool = False
    channel_id: str = "room:1"

    @on_entry
    def do(self, here: Root) -> None:
        here.connect(Told(number=self.number))
        socket.notify_channels([self.channel_id], {"number": self.number})
        if self.fails:
            raise ValueError("nothing of this is committed")


class tell_twice(Open, Walker):
    """Tells in each of two commits."""

    number: int

    @on_entry
    def do(self, here: Root) -> None:
        here.connect(Told(number=self.number))
        socket.notify_channels(["room:1"], {"number": self.number})
        commit()
        here.connect(Told(number=self.number + 1))
        socket.notify_channels(["room:1"], {"number": self.number + 1})


class tell_now(Open, Walker):
    """Tells at once, and keeps nothing."""

    number: int

    @on_entry
    def do(self, here: Root) -> None:
        socket.notify_channels(["room:1"], {"number": self.number}, now=True)
        socket.notify_channels(["lobby"], {"number": self.number})


class make_counter(Open, Walker):
    @on_entry
    def do(self, here: Root) -> None:
        if not here.out(Counter):
            here.connect(Counter())


class count_up(Open, Walker):
    """Counts, and tells the count: those who do so at once lose, and do it again."""

    @on_entry
    def do(self, here: Root) -> None:
        (counter,) = here.out(Counter)
        counter.count += 1
        socket.notify_channels(["room:1"], {"number": counter.count})
        self.report(counter.count)


class kept(Open, Walker):
    """The numbers that were committed."""

    @on_entry
    def do(self, here: Root) -> None:
        self.report(sorted(told.number for told in here.out(Told)))
