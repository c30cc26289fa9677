"""System checks: settings that would make the server unsafe are refused before anything runs."""

import stat

from django.conf import settings
from django.core import checks
from django.core.checks import Tags, register
from django.utils.module_loading import import_string

from chat.countries import CountryFile, NoCountryFile
from chat.services.secrets import MasterKeyError, master_key

U16_MAX = 0xFFFF


@register(Tags.security)
def check_master_key(app_configs, **options):
    """The master key file, once it exists, is whole and nobody else's to read."""
    path = settings.CLAWCHAT_MASTER_KEY_FILE
    if not path.exists():
        return []
    try:
        master_key()
    except MasterKeyError as error:
        return [checks.Error(str(error), id="clawchat.E101")]
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        hint = f"chmod 600 {path}"
        return [checks.Error("The master key file can be read by others.", hint=hint, id="clawchat.E102")]
    return []


@register
def check_country_file(app_configs, **options):
    """The file of countries, when one is named, is one."""
    path = settings.CLAWCHAT_GEOIP_FILE
    if path is None:
        return []
    try:
        CountryFile(path)
    except NoCountryFile as error:
        hint = "Name a file such as GeoLite2-Country.mmdb, or leave CLAWCHAT_GEOIP_FILE out: then no country is known."
        return [checks.Error(f"CLAWCHAT_GEOIP_FILE: {error}.", hint=hint, id="clawchat.E106")]
    return []


@register
def check_schemes(app_configs, **options):
    """At least one room scheme is taken, and all of them are numbers of the protocol."""
    schemes = settings.CLAWCHAT_SCHEMES
    if schemes and all(isinstance(scheme, int) and 0 < scheme <= U16_MAX for scheme in schemes):
        return []
    return [checks.Error("CLAWCHAT_SCHEMES must list at least one number in 1..65535.", id="clawchat.E103")]


@register(Tags.security)
def check_suites(app_configs, **options):
    """Whoever turns the floor of the suite off is told what that means."""
    if settings.CLAWCHAT_PQ_REQUIRED:
        return []
    problem = (
        "CLAWCHAT_PQ_REQUIRED is off, so a device may connect without ML-KEM. Whoever records such a connection and "
        "has a quantum computer one day learns which device it was, and with that device's PSK what it carried. "
        "Messages stay sealed by their rooms."
    )
    hint = "Leave CLAWCHAT_PQ_REQUIRED out, unless a device cannot do ML-KEM."
    return [checks.Warning(problem, hint=hint, id="clawchat.W107")]


@register
def check_after_commit(app_configs, **options):
    """The writer's hook, when a settings module sets one, can be imported."""
    path = settings.CLAWCHAT_AFTER_COMMIT
    if not path:
        return []
    try:
        import_string(path)
    except ImportError as error:
        return [checks.Error(f"CLAWCHAT_AFTER_COMMIT: {error}.", id="clawchat.E104")]
    return []


@register(Tags.database)
def check_sqlite(app_configs, **options):
    """SQLite is set up so that what was acknowledged survives a power cut, and that writers wait for each other."""
    database = settings.DATABASES["default"]
    if "sqlite3" not in database["ENGINE"]:
        return []
    given = database.get("OPTIONS", {})
    if given.get("transaction_mode") != "IMMEDIATE" or "synchronous=FULL" not in given.get("init_command", ""):
        hint = "OPTIONS need transaction_mode IMMEDIATE and an init_command with PRAGMA synchronous=FULL."
        return [checks.Error("SQLite would lose acknowledged messages.", hint=hint, id="clawchat.E105")]
    return []
