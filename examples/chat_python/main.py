"""Websocket scenarios: the chat program of `examples/chat`, in Python."""

from walkwire import Root, Walker, jobj, on_entry, socket


class send_chat_to_user(Walker):
    """Tells every connection of one user."""

    root_id: str

    class __specs__:
        methods = ["websocket", "post"]

    @on_entry
    def enter1(self, here: Root) -> None:
        user = jobj(self.root_id)
        socket.notify_users([user], {"type": "chat", "data": {"message": "string"}})


class send_chat_to_group(Walker):
    """Tells every connection in one channel."""

    channel_id: str

    class __specs__:
        methods = ["websocket", "post"]

    @on_entry
    def enter1(self, here: Root) -> None:
        socket.notify_channels([self.channel_id], {"type": "chat", "data": {"message": "string"}})


class send_chat_to_client(Walker):
    """Tells one connection."""

    client_id: str

    class __specs__:
        methods = ["websocket", "post"]

    @on_entry
    def enter1(self, here: Root) -> None:
        socket.notify_clients([self.client_id], {"type": "chat", "data": {"message": "string"}})
