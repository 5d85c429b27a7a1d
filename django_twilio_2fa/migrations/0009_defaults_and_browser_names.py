from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("twilio_2fa", "0008_imported_devices"),
    ]

    operations = [
        migrations.AddField(
            model_name="device",
            name="default_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="provencontact",
            name="default_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="trustedbrowser",
            name="contacts",
            field=models.JSONField(default=dict, editable=False),
        ),
        migrations.AddField(
            model_name="verification",
            name="browser",
            field=models.CharField(blank=True, max_length=64, verbose_name="browser"),
        ),
    ]
