"""A program that many use at once: a counter, profiles, accounts, and notes with a tally of them."""

from walkwire import Node, Root, Walker, jobj, on_entry


class Counter(Node):
    value: int = 0


class Desk(Node):
    """A place to begin at, as a root is."""


class Profile(Node):
    pass


class Account(Node):
    number: int
    balance: int


class Note(Node):
    text: str


class Tally(Node):
    count: int = 0


class Served:
    """The specs of all walkers here."""

    class __specs__:
        methods = ["websocket", "post"]


class make_counter(Served, Walker):
    @on_entry
    def make(self, here: Root) -> None:
        self.report(here.connect(Counter()))


class add_one(Served, Walker):
    @on_entry
    def add(self, here: Counter) -> None:
        here.value += 1
        self.report(here.value)


class read_counter(Served, Walker):
    @on_entry
    def read(self, here: Counter) -> None:
        self.report(here.value)


class make_desk(Served, Walker):
    @on_entry
    def make(self, here: Root) -> None:
        self.report(here.connect(Desk()))


class get_or_create(Served, Walker):
    """The profile of a place, which is made by whoever asks for it first."""

    @on_entry
    def find(self, here: Root | Desk) -> None:
        profiles = here.out(Profile)
        self.report(profiles[0] if profiles else here.connect(Profile()))


class profiles(Served, Walker):
    @on_entry
    def list_them(self, here: Root | Desk) -> None:
        self.report(here.out(Profile))


class open_accounts(Served, Walker):
    count: int
    balance: int

    @on_entry
    def open_them(self, here: Root) -> None:
        self.report([here.connect(Account(number, self.balance)) for number in range(self.count)])


class transfer(Served, Walker):
    source: str
    target: str
    amount: int

    @on_entry
    def move(self, here: Root) -> None:
        source, target = jobj(self.source), jobj(self.target)
        source.balance -= self.amount
        target.balance += self.amount


class balances(Served, Walker):
    @on_entry
    def list_them(self, here: Root) -> None:
        self.report([account.balance for account in here.out(Account)])


class keep(Served, Walker):
    """A note, and one more on the tally: both or none."""

    text: str

    @on_entry
    def write(self, here: Root) -> None:
        tally = (here.out(Tally) or [here.connect(Tally())])[0]
        tally.count += 1
        here.connect(Note(self.text))


class kept(Served, Walker):
    @on_entry
    def list_them(self, here: Root) -> None:
        self.report([note.text for note in here.out(Note)])
        self.report(sum(tally.count for tally in here.out(Tally)))
