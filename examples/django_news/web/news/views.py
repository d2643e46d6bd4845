"""Views: the page, and the articles as JSON."""

import json

from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET

from news.models import Article


def articles(request: HttpRequest) -> HttpResponse:
    """The last articles, or a new one. Your application has forms, and asks who may write."""
    if request.method == "POST":
        given = json.loads(request.body)
        title, text = str(given["title"]).strip()[:200], str(given["text"]).strip()
        if not title or not text:
            return JsonResponse({"error": "An article has a title and a text"}, status=422)
        return JsonResponse(Article.objects.create(title=title, text=text).shown(), status=201)
    return JsonResponse({"articles": [article.shown() for article in Article.objects.all()[:20]]})


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """The page. It is told where walkwire is."""
    text = (settings.BASE_DIR / "page.html").read_text()
    return HttpResponse(text.replace("{{ walkwire }}", settings.WALKWIRE_URL))


@require_GET
def client(request: HttpRequest) -> FileResponse:
    """The client that the page imports. In production your static files have it."""
    return FileResponse((settings.BASE_DIR / "walkwire.js").open("rb"), content_type="text/javascript")
