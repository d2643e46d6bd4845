"""Live: tells walkwire of articles, over REST. This file is what was added to Django."""

import json
import logging
from urllib.request import Request, urlopen

from django.conf import settings
from django.db import transaction
from django.db.models.signals import post_save

from news.models import Article

SECONDS = 3  # that walkwire has to answer
log = logging.getLogger(__name__)


def watch() -> None:
    """Tell of each article that is saved, wherever that happens: in a view, the admin, a command."""
    post_save.connect(saved, sender=Article)


def saved(instance: Article, **_: object) -> None:
    article = instance.shown()
    # After the commit: if the transaction is rolled back, nobody hears of it.
    transaction.on_commit(lambda: tell(["news"], {"type": "article", "data": article}))


def tell(channels: list[str], data: dict) -> None:
    """Tell all who listen. A failure is logged and not repeated: readers find the article when they load the page."""
    request = Request(
        f"{settings.WALKWIRE_URL}/notify/channels",
        data=json.dumps({"targets": channels, "data": data}).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {settings.WALKWIRE_KEY}"},
    )
    try:
        with urlopen(request, timeout=SECONDS):
            pass
    except OSError as error:  # not reached, or refused
        log.warning("walkwire was not told: %s", error)
