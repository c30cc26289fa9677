"""What the rows can hold: no field of any model is a place for message text."""

from django.apps import apps
from django.db import models

# Text fields and what they hold; a new one has to be argued for here.
PLAIN_TEXT = {
    "AuditEvent": {"code", "actor", "subject", "details", "address"},
    "Ban": {"network", "reason", "made_by"},
    "Connection": {"process", "address", "why"},
    "Device": {"client_name"},
    "Invite": {"label"},
    "Member": {"name"},
    "News": {"kind", "subject"},
    "Revocation": {"kind", "why"},
    "ServerIdentity": {"state"},
}
# Where ciphertext, which the server cannot open, lies.
CIPHERTEXT = {
    "Envelope": {"ciphertext"},
    "GroupInfo": {"body"},
    "KeyPackage": {"body"},
    "StagedChunk": {"body"},
    "Welcome": {"body"},
}
LONGEST_TEXT = 128
LONGEST_KEY_MATERIAL = 146


def test_no_field_could_hold_message_text():
    """Every text is short and named above; every large byte field is named as ciphertext."""
    for model in apps.get_app_config("chat").get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, models.CharField | models.TextField | models.JSONField):
                assert field.name in PLAIN_TEXT.get(model.__name__, ()), f"{model.__name__}.{field.name}"
                assert isinstance(field, models.JSONField) or (field.max_length or 0) <= LONGEST_TEXT or field.choices
            if isinstance(field, models.BinaryField) and (field.max_length or 1 << 30) > LONGEST_KEY_MATERIAL:
                assert field.name in CIPHERTEXT.get(model.__name__, ()), f"{model.__name__}.{field.name}"
