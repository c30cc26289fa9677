import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0008_renewed_pairs"),
    ]

    operations = [
        migrations.AddField(
            model_name="connectionpolicy",
            name="max_file_bytes",
            field=models.PositiveBigIntegerField(
                default=26214400,
                validators=[
                    django.core.validators.MinValueValidator(4096),
                    django.core.validators.MaxValueValidator(1073741824),
                ],
            ),
        ),
        migrations.CreateModel(
            name="File",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("file_id", models.BinaryField(max_length=16, unique=True)),
                ("size", models.PositiveBigIntegerField()),
                ("have", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("completed_at", models.DateTimeField(null=True)),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="files", to="chat.device"
                    ),
                ),
                (
                    "room",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="files", to="chat.room"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["device", "completed_at"], name="chat_file_unfinished")],
            },
        ),
        migrations.CreateModel(
            name="FileChunk",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("index", models.PositiveIntegerField()),
                ("body", models.BinaryField()),
                (
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="chunks", to="chat.file"
                    ),
                ),
            ],
            options={
                "ordering": ["index"],
                "constraints": [models.UniqueConstraint(fields=("file", "index"), name="chat_file_chunk_once")],
            },
        ),
    ]
