"""What the rows can hold: no field of any model is a place for message text."""

from django.apps import apps
from django.db import models

# Text fields and what they hold; a new one has to be argued for here.
PLAIN_TEXT = {
    "Alert": {"kind", "subject", "severity", "facts", "seen_by"},
    "AlertChannel": {"name", "kind", "options", "least"},
    "AlertTelling": {"state", "heard"},
    "AuditEvent": {"code", "actor", "subject", "details", "address"},
    "Ban": {"network", "reason", "made_by"},
    "Connection": {"process", "address", "why"},
    "ConnectionPolicy": {"country_rule"},
    "Device": {"client_name"},
    "Habit": {"subject", "metric", "samples"},
    "Invite": {"label"},
    "Member": {"name"},
    "News": {"kind", "subject"},
    "Revocation": {"kind", "why"},
    "ServerIdentity": {"state"},
    "Tally": {"node", "process", "refused"},
}
# Longer ones: sentences that the server makes up of what it counts, and a list that the operator types.
SENTENCES = {
    "Alert": {"text", "remedy"},
    "AlertChannel": {"last_error"},
    "AlertTelling": {"detail"},
    "ConnectionPolicy": {"countries"},
}
# Long bytes that are none of anybody's messages: a public statement, secrets of the operator's, sealed, and who may add
# and remove in a room, parsed before it is stored.
OTHER_BYTES = {"ServerIdentity": {"statement"}, "AlertChannel": {"secrets_sealed"}, "Room": {"roles"}}
# Where ciphertext, which the server cannot open, lies.
CIPHERTEXT = {
    "Envelope": {"ciphertext"},
    "FileChunk": {"body"},
    "GroupInfo": {"body"},
    "KeyPackage": {"body"},
    "StagedChunk": {"body"},
    "Welcome": {"body"},
}
LONGEST_TEXT = 150
LONGEST_SENTENCE = 1000
LONGEST_KEY_MATERIAL = 146


def test_no_field_could_hold_message_text():
    """Every text is short and named above; every large byte field is named as ciphertext."""
    for model in apps.get_app_config("chat").get_models():
        name = model.__name__
        for field in model._meta.concrete_fields:
            if isinstance(field, models.CharField | models.TextField | models.JSONField):
                longest = LONGEST_SENTENCE if field.name in SENTENCES.get(name, ()) else LONGEST_TEXT
                named = PLAIN_TEXT.get(name, set()) | SENTENCES.get(name, set())
                assert field.name in named, f"{name}.{field.name}"
                assert isinstance(field, models.JSONField) or field.choices or 0 < field.max_length <= longest
            if isinstance(field, models.BinaryField) and (field.max_length or 1 << 30) > LONGEST_KEY_MATERIAL:
                named = CIPHERTEXT.get(name, set()) | OTHER_BYTES.get(name, set())
                assert field.name in named, f"{name}.{field.name}"
