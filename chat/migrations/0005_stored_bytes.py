from django.db import migrations
from django.db.models import Sum
from django.db.models.functions import Length


def count(apps, schema_editor):
    """What each device has in the rooms' logs already."""
    Device = apps.get_model("chat", "Device")
    Envelope = apps.get_model("chat", "Envelope")
    sizes = Envelope.objects.order_by().values("sender").annotate(size=Sum(Length("ciphertext")))
    for row in sizes.iterator():
        Device.objects.filter(pk=row["sender"]).update(stored_bytes=row["size"] or 0)


class Migration(migrations.Migration):
    dependencies = [("chat", "0004_console")]
    operations = [migrations.RunPython(count, migrations.RunPython.noop)]
