"""Configuration of the application. Added for walkwire: `ready`."""

from django.apps import AppConfig


class NewsConfig(AppConfig):
    name = "news"

    def ready(self) -> None:
        from news import live

        live.watch()
