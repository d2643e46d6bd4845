"""URLs of the Django project."""

from django.urls import path
from news import views

urlpatterns = [path("", views.page), path("walkwire.js", views.client), path("articles/", views.articles)]
