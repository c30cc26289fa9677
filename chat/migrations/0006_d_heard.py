from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0005_stored_bytes"),
    ]

    operations = [
        migrations.AddField(
            model_name="alerttelling",
            name="heard",
            field=models.CharField(
                blank=True,
                choices=[("", "nothing yet"), ("open", "that it goes on"), ("over", "that it is over")],
                default="",
                max_length=4,
            ),
        ),
        migrations.AddField(
            model_name="alerttelling",
            name="heard_at",
            field=models.DateTimeField(null=True),
        ),
    ]
