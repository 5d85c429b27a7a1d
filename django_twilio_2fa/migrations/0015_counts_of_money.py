from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("twilio_2fa", "0014_last_methods"),
    ]

    operations = [
        # Budgets of money are counted in ten-thousandths of a currency.
        migrations.AlterField(
            model_name="counter",
            name="n",
            field=models.PositiveBigIntegerField(default=0),
        ),
    ]
