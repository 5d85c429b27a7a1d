import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("twilio_2fa", "0006_country"),
    ]

    operations = [
        migrations.CreateModel(
            name="TrustedBrowser",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(blank=True, editable=False, max_length=64, verbose_name="name")),
                ("digest", models.CharField(editable=False, max_length=64)),
                ("previous", models.CharField(blank=True, editable=False, max_length=64)),
                ("session_digest", models.CharField(blank=True, editable=False, max_length=64)),
                ("auth_digest", models.CharField(editable=False, max_length=64)),
                ("trusted_at", models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name="remembered")),
                ("last_used_at", models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name="last used")),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="twilio_2fa_browsers", to=settings.AUTH_USER_MODEL, verbose_name="user")),
            ],
            options={
                "verbose_name": "remembered browser",
                "verbose_name_plural": "remembered browsers",
                "ordering": ("-last_used_at", "pk"),
                "base_manager_name": "objects",
            },
        ),
    ]
