"""What readers do with each other: applause, which Django knows nothing of. The articles come from Django, over REST."""

from walkwire import Node, Root, Walker, on_entry, socket


class Applause(Node):
    """How often an article was applauded. It is below the public root: readers need not log in."""

    article: int
    claps: int = 0


class applaud(Walker):
    """Applaud an article. All readers are told."""

    article: int

    class __specs__:
        methods = ["post", "websocket"]
        auth = False
        entry_type = "ROOT"

    @on_entry
    def count(self, here: Root) -> None:
        found = here.out(Applause, article=self.article)
        applause = found[0] if found else here.connect(Applause(article=self.article))
        applause.claps += 1
        socket.notify_channels(
            ["news"], {"type": "applause", "data": {"article": self.article, "claps": applause.claps}}
        )
        self.report(applause.claps)


class all_applause(Walker):
    """Reports the claps of each article, by its number."""

    class __specs__:
        methods = ["get", "post", "websocket"]
        auth = False
        entry_type = "ROOT"

    @on_entry
    def list_claps(self, here: Root) -> None:
        self.report({str(applause.article): applause.claps for applause in here.out(Applause)})
