from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("twilio_2fa", "0009_defaults_and_browser_names"),
    ]

    operations = [
        # With NULL, so that servers which still run the version before can insert rows.
        migrations.AddField(
            model_name="lock",
            name="details",
            field=models.JSONField(editable=False, null=True),
        ),
        migrations.CreateModel(
            name="Pause",
            fields=[],
            options={
                "verbose_name": "pause of sending",
                "verbose_name_plural": "pauses of sending",
                "base_manager_name": "objects",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("twilio_2fa.lock",),
        ),
    ]
