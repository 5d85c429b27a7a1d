from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("twilio_2fa", "0013_remembered_browsers_not_in_figures"),
    ]

    operations = [
        # With NULL, so that servers which still run the version before can insert rows.
        migrations.AddField(
            model_name="device",
            name="last_method",
            field=models.CharField(editable=False, max_length=64, null=True),
        ),
    ]
