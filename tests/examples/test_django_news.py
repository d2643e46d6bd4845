"""The news of `examples/django_news`: Django and walkwire in processes of their own, as the page says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.brokers.service import free_port
from tests.examples.test_pages import fence
from tests.journeys.conftest import RunNode, absent
from tests.journeys.conftest import chromium as chromium
from tests.serving import EXAMPLES, Server, run


class News(NamedTuple):
    """The folder of the Django project, its port, and walkwire."""

    web: Path
    port: int
    realtime: Server


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> Iterator[News]:
    if find_spec("django") is None:
        absent("django")
    folder = Path(
        shutil.copytree(EXAMPLES / "django_news", tmp_path_factory.mktemp("news"), dirs_exist_ok=True)
    )
    database = f"sqlite:///{folder / 'walkwire.db'}"
    code, out, errors = run("keys", "create", "django", "--database", database, folder=folder)
    assert code == 0, errors
    with Server(folder / "realtime.py", folder, database=database) as realtime:
        port = free_port()
        environment = os.environ | {"NEWS_WALKWIRE_URL": realtime.url, "NEWS_WALKWIRE_KEY": out.split()[-1]}
        manage = [sys.executable, "manage.py"]
        web = folder / "web"
        subprocess.run(
            [*manage, "migrate", "--run-syncdb"], cwd=web, env=environment, check=True, capture_output=True
        )
        with (folder / "log").open("w") as log:
            command = [*manage, "runserver", str(port), "--noreload"]
            process = subprocess.Popen(command, cwd=web, env=environment, stdout=log, stderr=log)
        try:
            with httpx.Client(transport=httpx.HTTPTransport(retries=10)) as client:  # until it listens
                assert client.get(f"http://127.0.0.1:{port}/articles/", timeout=30).status_code == 200
            yield News(web, port, realtime)
        finally:
            process.terminate()
            process.wait(20)
        assert "Traceback" not in (folder / "log").read_text()
        assert "Traceback" not in realtime.log.read_text()


def _here(text: str, news: News) -> str:
    return text.replace("localhost:8000", f"127.0.0.1:{news.realtime.port}").replace(
        "localhost:8001", f"127.0.0.1:{news.port}"
    )


def test_what_the_page_says_happens(news: News, run_node: RunNode) -> None:
    bash = ["bash", "-euo", "pipefail", "-c", _here(fence("django_news", "sh"), news)]
    done = subprocess.run(bash, capture_output=True, text=True, check=True)
    assert '"reports":[1]' in done.stdout
    assert done.stdout.count("The first apples") == 2, "in Django's answer and in the history of the channel"
    client = news.web / "client.mjs"
    client.write_text(_here(fence("django_news", "js"), news))
    run_node("snippet.mjs", client, "The last pears")


def test_what_is_rolled_back_is_not_told_and_what_is_wrong_is_refused(news: News) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{news.port}", timeout=10) as django:
        assert django.post("/articles/", json={"title": " ", "text": "x"}).status_code == 422
        assert "News" in django.get("/").text
    script = (
        "from django.db import transaction\n"
        "from news.models import Article\n"
        "try:\n"
        "    with transaction.atomic():\n"
        "        Article.objects.create(title='Never', text='x')\n"
        "        raise KeyError\n"
        "except KeyError:\n"
        "    pass\n"
    )
    manage = [sys.executable, "manage.py", "shell", "-c", script]
    subprocess.run(manage, cwd=news.web, check=True, capture_output=True)
    history = httpx.get(f"{news.realtime.url}/history/channels/news").json()
    assert "Never" not in [one["data"]["data"].get("title") for one in history["messages"]]


def test_two_people_read_and_applaud(news: News, run_node: RunNode, chromium: str, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{news.port}/"
    assert "seen:" in run_node("example_pages.mjs", "django_news", url, chromium, tmp_path)
