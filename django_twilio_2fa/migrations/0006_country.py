from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("twilio_2fa", "0005_locks"),
    ]

    operations = [
        migrations.AddField(
            model_name="verification",
            name="country",
            field=models.CharField(blank=True, max_length=2, verbose_name="country"),
        ),
    ]
