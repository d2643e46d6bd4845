"""Settings of the Django project. Added for walkwire: the two at the end."""

import os
import secrets
from pathlib import Path

BASE_DIR = Path(__file__).parent.parent
DEBUG = True
SECRET_KEY = os.environ.get("DJANGO_SECRET", secrets.token_hex())
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "project.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["news"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "site.sqlite3"}}

WALKWIRE_URL = os.environ.get("NEWS_WALKWIRE_URL", "http://localhost:8000")
WALKWIRE_KEY = os.environ.get("NEWS_WALKWIRE_KEY", "")  # `walkwire keys create django` prints one
