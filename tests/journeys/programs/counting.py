"""A program whose walkers add to a number of its user and tell the user, and put their caller into a channel and out of it."""

from walkwire import Node, Root, Walker, current_client, on_entry, socket


class Number(Node):
    value: int = 0


class count(Walker):
    by: int

    class __specs__:
        methods = ["websocket", "post"]

    @on_entry
    def add(self, here: Root) -> None:
        number = (here.out(Number) or [here.connect(Number())])[0]
        number.value += self.by
        socket.notify_users([here], {"counted": number.value})
        self.report(number.value)


class enter(Walker):
    channel_id: str

    class __specs__:
        methods = ["websocket"]

    @on_entry
    def put_in(self, here: Root) -> None:
        socket.join(current_client(), self.channel_id)
        socket.notify_channels([self.channel_id], {"n": 0})


class go_out(Walker):
    channel_id: str

    class __specs__:
        methods = ["websocket"]

    @on_entry
    def take_out(self, here: Root) -> None:
        socket.leave(current_client(), self.channel_id)
