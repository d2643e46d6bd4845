"""What the application had no place for, as walkers: what each guest likes, in the guest's own graph."""

from walkwire import Node, Root, Walker, on_entry, socket


class Liking(Node):
    """How often a guest has ordered something."""

    item: str
    times: int = 0


class like(Walker):
    """Count an order of the caller. All windows of the caller are told."""

    item: str

    class __specs__:
        methods = ["post", "websocket"]
        entry_type = "ROOT"

    @on_entry
    def count(self, here: Root) -> None:
        found = here.out(Liking, item=self.item)
        liking = found[0] if found else here.connect(Liking(item=self.item))
        liking.times += 1
        socket.notify_users([here], {"type": "liked", "data": {"item": self.item, "times": liking.times}})
        self.report(liking.times)


class my_likings(Walker):
    """What the caller orders most, the first three."""

    class __specs__:
        methods = ["get", "post", "websocket"]
        entry_type = "ROOT"

    @on_entry
    def list_items(self, here: Root) -> None:
        likings = sorted(here.out(Liking), key=lambda liking: -liking.times)
        self.report([liking.item for liking in likings[:3]])
