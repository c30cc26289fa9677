"""How operators' passwords are kept: Argon2id (the specification's 4.4)."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class OperatorPasswords(Argon2PasswordHasher):
    """Argon2id with 46 MiB and one pass, the first of OWASP's equal choices.

    Django's own asks for 100 MiB and eight threads; a few people who sign in at once would take a small host's memory.
    """

    time_cost = 1
    memory_cost = 47_104
    parallelism = 1
