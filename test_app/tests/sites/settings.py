"""The settings of one site of the table, named by SITE, with its database in the folder SITE_FOLDER."""

import os

from demo.settings_test import *  # noqa: F403

from .table import AT_START, COMMON

_own = {**COMMON, **AT_START[os.environ["SITE"]]}
_database = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": os.path.join(os.environ["SITE_FOLDER"], "site.sqlite3"),
    "OPTIONS": {"timeout": 20},
}
DATABASES = {"default": {**_database, **_own.pop("DATABASE", {})}}
ALLOWED_HOSTS = ["127.0.0.1"]
globals().update(_own)
