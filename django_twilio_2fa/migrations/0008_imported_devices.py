import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("twilio_2fa", "0007_trusted_browsers"),
    ]

    operations = [
        migrations.CreateModel(
            name="ImportedDevice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("source", models.CharField(max_length=32)),
                ("key", models.CharField(max_length=128)),
                ("imported_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(fields=("source", "key"), name="twilio_2fa_one_import"),
                ],
            },
        ),
    ]
