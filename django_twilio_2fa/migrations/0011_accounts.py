from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("twilio_2fa", "0010_pauses"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="device",
            index=models.Index(fields=["digest", "kind"], name="twilio_2fa_accounts"),
        ),
        migrations.AddIndex(
            model_name="provencontact",
            index=models.Index(fields=["digest", "kind"], name="twilio_2fa_proven_accounts"),
        ),
    ]
