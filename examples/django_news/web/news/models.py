"""Articles, as they were."""

from django.db import models


class Article(models.Model):
    title = models.CharField(max_length=200)
    text = models.TextField()
    written = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def shown(self) -> dict:
        return {"id": self.pk, "title": self.title, "text": self.text, "written": self.written.isoformat()}
