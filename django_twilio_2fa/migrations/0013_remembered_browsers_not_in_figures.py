from typing import Any

from django.db import migrations

METHOD = "trusted_browser"


def leave_out(apps: Any, schema_editor: Any) -> None:
    """Mark verifications of remembered browsers as counted: nothing was sent for them, and nothing typed."""
    alias = schema_editor.connection.alias
    rows = apps.get_model("twilio_2fa", "Verification").objects.using(alias)
    rows.filter(method=METHOD, in_figures=False).update(in_figures=True)
    apps.get_model("twilio_2fa", "DailyFigure").objects.using(alias).filter(method=METHOD).delete()


class Migration(migrations.Migration):

    dependencies = [
        ("twilio_2fa", "0012_figures"),
    ]

    operations = [
        migrations.RunPython(leave_out, migrations.RunPython.noop),
    ]
