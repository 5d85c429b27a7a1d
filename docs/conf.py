"""Sphinx reads the Markdown of this folder."""

from importlib.metadata import version as installed_version

project = "django-twilio-2fa"
author = "The django-twilio-2fa developers"
project_copyright = "2026, the django-twilio-2fa developers"
version = release = installed_version("django-twilio-2fa")

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"django-twilio-2fa {release}"
html_show_sourcelink = False
