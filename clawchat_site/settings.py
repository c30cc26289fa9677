"""Every setting of a ClawChat server, with its unit and default. The environment names them with CLAWCHAT_."""

from datetime import timedelta
from pathlib import Path

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from .addresses import admin_url, host_of, in_url, is_loopback, is_whole_site, is_wildcard, listener_url
from .env import (
    env_address,
    env_bool,
    env_choice,
    env_host,
    env_int,
    env_ip,
    env_networks,
    env_pairs,
    env_path,
    env_seconds,
    env_secret,
    env_str,
    env_urls,
)
from .folders import make_data_dir, secret_of
from .looks import console_looks
from .mail import mail_server

BASE_DIR = Path(__file__).resolve().parent.parent

# Where everything lives that this server writes: database, secrets, queue, published file, logs.
CLAWCHAT_DATA_DIR = Path(env_str("CLAWCHAT_DATA_DIR", str(BASE_DIR / "var"))).resolve()
make_data_dir(CLAWCHAT_DATA_DIR)

# The front door: the fixed address that serves the app, the HTTPS mirror and the admin. None when `off`.
CLAWCHAT_FRONT = env_address("CLAWCHAT_FRONT", "127.0.0.1:8000")
# The address that chat ports listen on.
CLAWCHAT_BIND = env_str("CLAWCHAT_BIND", "127.0.0.1")
# The host name that clients dial, as it stands in the connection file.
CLAWCHAT_HOST = env_str("CLAWCHAT_HOST", "localhost")
# What the server calls itself in the connection file.
CLAWCHAT_SERVER_NAME = env_str("CLAWCHAT_SERVER_NAME", "ClawChat")

# TLS 1.3 wherever other machines can reach: "local" (a certificate authority of this server's own, trustca helps to
# trust it), "files" (certificates of a public one), or "" for a server that stays on loopback.
CLAWCHAT_TLS = env_choice("CLAWCHAT_TLS", ("", "local", "files"))
CLAWCHAT_TLS_FILES = env_pairs("CLAWCHAT_TLS_FILES")
# Loopback is plain unless this is set: a browser takes http://localhost for secure.
CLAWCHAT_LOOPBACK_TLS = env_bool("CLAWCHAT_LOOPBACK_TLS")
# Who may bring connections in the clear from elsewhere, and whose X-Forwarded-For and -Proto count: networks.
CLAWCHAT_TRUSTED_PROXIES = env_networks("CLAWCHAT_TRUSTED_PROXIES")
# The operator's file of countries, in MaxMind's format, for the rule in the connection policy; None when there is none.
CLAWCHAT_GEOIP_FILE = env_path("CLAWCHAT_GEOIP_FILE")
# Further host names that clients dial, when nodes have names of their own; the page may connect to these too.
CLAWCHAT_OTHER_HOSTS = [name.strip() for name in env_str("CLAWCHAT_OTHER_HOSTS").split(",") if name.strip()]

# Whether a router is asked to let the ports in, and in which language; and for how long at a time, in seconds.
CLAWCHAT_PORT_MAPPING = env_choice("CLAWCHAT_PORT_MAPPING", ("off", "auto", "upnp", "natpmp"))
CLAWCHAT_PORT_MAPPING_SECONDS = env_int("CLAWCHAT_PORT_MAPPING_SECONDS", 600, least=20, most=86_400)
# This machine's address as people outside see it; otherwise the router says it, or these web addresses do.
CLAWCHAT_EXTERNAL_ADDRESS = env_ip("CLAWCHAT_EXTERNAL_ADDRESS")
CLAWCHAT_ADDRESS_URLS = env_urls("CLAWCHAT_ADDRESS_URLS")


def _speaks_tls(address: str) -> bool:
    """Whether a listener on this address speaks TLS."""
    return bool(CLAWCHAT_TLS) and (CLAWCHAT_LOOPBACK_TLS or not is_loopback(address))


# What follows from them: which listeners speak TLS, and whether clients dial wss.
CLAWCHAT_FRONT_TLS = CLAWCHAT_FRONT is not None and _speaks_tls(CLAWCHAT_FRONT[0])
CLAWCHAT_CHAT_TLS = _speaks_tls(CLAWCHAT_BIND)
CLAWCHAT_ENDPOINT_TLS = CLAWCHAT_CHAT_TLS or bool(CLAWCHAT_TRUSTED_PROXIES)


def _front_url() -> str:
    """The front door as a browser writes it."""
    if CLAWCHAT_FRONT is None:
        return ""
    host, port = CLAWCHAT_FRONT
    return listener_url(CLAWCHAT_HOST if is_wildcard(host) else host, port, tls=CLAWCHAT_FRONT_TLS)


CLAWCHAT_FRONT_URL = env_str("CLAWCHAT_FRONT_URL", _front_url())

# The host name under which alone the admin answers, at the front door's port. Empty: under the names of loopback alone,
# to this machine itself (an SSH tunnel comes from there).
CLAWCHAT_ADMIN_HOST = env_host("CLAWCHAT_ADMIN_HOST")
CLAWCHAT_ADMIN_URL = admin_url(CLAWCHAT_FRONT_URL, CLAWCHAT_ADMIN_HOST, CLAWCHAT_FRONT, tls=CLAWCHAT_FRONT_TLS)

# Seconds: how often the port moves, how long before that it is announced, how long the old one stays open.
CLAWCHAT_ROTATION = {
    "interval": env_seconds("CLAWCHAT_ROTATION_INTERVAL", 3600, least=5),
    "lead": env_seconds("CLAWCHAT_ROTATION_LEAD", 120, least=1),
    "grace": env_seconds("CLAWCHAT_ROTATION_GRACE", 300, least=1),
}
# Ports move by whole seconds.
if int(max(CLAWCHAT_ROTATION["lead"], CLAWCHAT_ROTATION["grace"])) >= int(CLAWCHAT_ROTATION["interval"]):
    raise ImproperlyConfigured(
        "CLAWCHAT_ROTATION_LEAD and CLAWCHAT_ROTATION_GRACE must both be shorter than CLAWCHAT_ROTATION_INTERVAL."
    )
# By how much earlier than the interval it may move, at random; whole seconds that leave room for lead and grace.
_room = max(0, CLAWCHAT_ROTATION["interval"] - max(CLAWCHAT_ROTATION["lead"], CLAWCHAT_ROTATION["grace"]) - 1)
CLAWCHAT_ROTATION["jitter"] = env_seconds(
    "CLAWCHAT_ROTATION_JITTER", int(min(CLAWCHAT_ROTATION["interval"] / 10, _room))
)
if CLAWCHAT_ROTATION["jitter"] > _room:
    raise ImproperlyConfigured(
        f"CLAWCHAT_ROTATION_JITTER is above {_room:g}: the interval less the jitter must be longer than lead and grace."
    )
# Moving ports of a server process, each with times of its own.
CLAWCHAT_PORTS = env_int("CLAWCHAT_PORTS", 1, least=1, most=8)
# One more port that never moves, for networks that let no high port through, such as 443; 0 for none.
CLAWCHAT_FIXED_PORT = env_int("CLAWCHAT_FIXED_PORT", 0, least=0, most=65_535)
# Ports that are never announced, of a server process: whoever touches one is a scanner.
CLAWCHAT_DECOYS = env_int("CLAWCHAT_DECOYS", 3, least=0, most=16)
# How long a port that has served stays as a tripwire; 0 closes it at the end of its grace.
CLAWCHAT_TRIPWIRE_SECONDS = env_seconds("CLAWCHAT_TRIPWIRE_SECONDS", 3600)
# Where this server process stands, in a word; clients that name the same region prefer it.
CLAWCHAT_REGION = env_str("CLAWCHAT_REGION").strip()[:32]
# The same for people, in a few words of the operator's; nothing depends on it.
CLAWCHAT_LOCATION = env_str("CLAWCHAT_LOCATION").strip()[:64]

# Where the master key lies that seals every secret in the database (made on first use, mode 600).
CLAWCHAT_MASTER_KEY_FILE = Path(env_str("CLAWCHAT_MASTER_KEY_FILE", str(CLAWCHAT_DATA_DIR / "secrets" / "master.key")))

# The floor of the cipher suite: no connection without ML-KEM (docs/protocol.md 3.7).
CLAWCHAT_PQ_REQUIRED = env_bool("CLAWCHAT_PQ_REQUIRED", True)

# Room schemes this server takes (docs/protocol.md 3.13).
CLAWCHAT_SCHEMES = [0xF04E]

# What the writer calls with the rows it stored, after the commit and before any acknowledgement; tests set it.
CLAWCHAT_AFTER_COMMIT = ""


def _secret_key() -> str:
    """Django's own signing key: from the environment, else a file made on first use."""
    given = env_secret("CLAWCHAT_SECRET_KEY")
    if given:
        return given
    return secret_of(CLAWCHAT_DATA_DIR / "secrets" / "django.key")


SECRET_KEY = _secret_key()
DEBUG = False
_names = ["localhost", "127.0.0.1", "[::1]", in_url(CLAWCHAT_HOST), host_of(CLAWCHAT_FRONT_URL)]
ALLOWED_HOSTS = env_str("CLAWCHAT_ALLOWED_HOSTS", ",".join(filter(None, dict.fromkeys(_names)))).split(",")
if CLAWCHAT_ADMIN_HOST:
    ALLOWED_HOSTS.append(CLAWCHAT_ADMIN_HOST)

INSTALLED_APPS = [
    # The console's theme; it puts its own site in the place of the admin's.
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    # Counts wrong passwords at the admin's door.
    "axes",
    "channels",
    "chat",
    "discovery",
    "rotation",
]
MIDDLEWARE = [
    "clawchat_site.headers.security_headers",
    "clawchat_site.admin_door.admin_door",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "clawchat_site.urls"
# Two applications in one process: the front door's, and the chat ports' (docs/architecture.md).
ASGI_APPLICATION = "clawchat_site.asgi.front"
CLAWCHAT_SOCKET_APPLICATION = "clawchat_site.asgi.socket"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


def _database(url: str) -> dict[str, object]:
    try:
        return dj_database_url.parse(url, conn_max_age=0)
    except ValueError:
        # Without its value: there is a password in it.
        raise ImproperlyConfigured("DATABASE_URL cannot be read; write postgres://user:password@host/name.") from None


# SQLite by default: clone, one command, running. synchronous=FULL, so what was acknowledged survives a power cut.
DATABASE_URL = env_secret("DATABASE_URL")
if DATABASE_URL:
    # Each request of the front door has a thread of its own: a connection that outlived it would be nobody's.
    DATABASES = {"default": _database(DATABASE_URL)}
else:
    DATABASES = {
        "default": {
            "ENGINE": "clawchat_site.sqlite3_in_turn",
            "NAME": CLAWCHAT_DATA_DIR / "clawchat.sqlite3",
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
            },
        }
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"

# Redis only wakes processes up and carries tasks; the database is the truth.
REDIS_URL = env_secret("REDIS_URL")
if REDIS_URL:
    CHANNEL_LAYERS = {
        "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

# Celery: the same tasks and the same command line with Redis and with the file-system broker of the embedded child.
CELERY_BROKER_URL = REDIS_URL or "filesystem://"
CELERY_TIMEZONE = "UTC"
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULE_FILENAME = str(CLAWCHAT_DATA_DIR / "celerybeat-schedule")
# Seconds between two looks at what is due: a twentieth of the interval, at most 5.
CLAWCHAT_TICK_SECONDS = min(5.0, CLAWCHAT_ROTATION["interval"] / 20)
# A tick that waited longer than two of its kind is of no use: while no worker runs they would only pile up.
CELERY_BEAT_SCHEDULE = {
    "tick": {
        "task": "rotation.tasks.tick",
        "schedule": CLAWCHAT_TICK_SECONDS,
        "options": {"expires": 2 * CLAWCHAT_TICK_SECONDS},
    },
    # What was raised is told at once; this is for what has to be told again.
    "alerts": {"task": "chat.tasks.tell_alerts", "schedule": 30.0, "options": {"expires": 30.0}},
    "audit": {"task": "chat.tasks.check_audit", "schedule": 6 * 3600.0, "options": {"expires": 3600.0}},
    "keys": {"task": "rotation.tasks.renew_keys", "schedule": 3600.0, "options": {"expires": 3600.0}},
}
if not REDIS_URL:
    _queue = CLAWCHAT_DATA_DIR / "queue"
    _folders = {name: _queue / name for name in ("messages", "processed", "control")}
    for _folder in _folders.values():
        _folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_folders["messages"]),
        "data_folder_out": str(_folders["messages"]),
        "processed_folder": str(_folders["processed"]),
        "control_folder": str(_folders["control"]),
        "store_processed": False,
        "polling_interval": 0.1,
    }

FORMAT_MODULE_PATH = ["clawchat_site.formats"]
UNFOLD = console_looks(CLAWCHAT_SERVER_NAME)

# The mail server that alerts go out by, and who they are from; none, and channels of mail say so.
_mail = mail_server(env_secret("EMAIL_URL"))
EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER, EMAIL_HOST_PASSWORD, EMAIL_USE_TLS, EMAIL_USE_SSL = _mail
# Seconds for each answer of that server.
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env_str("CLAWCHAT_MAIL_FROM", f"clawchat@{CLAWCHAT_HOST}")

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = CLAWCHAT_DATA_DIR / "static"
# Empty unless somebody collects into it, but WhiteNoise complains when it is missing.
STATIC_ROOT.mkdir(exist_ok=True)
# Served straight from the checkout; browsers ask each time, so an update is never half old and half new.
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_MAX_AGE = 0
SERVESTATIC_ALLOW_ALL_ORIGINS = False

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = CLAWCHAT_ADMIN_URL.startswith("https://")
# __Host-: the browser takes them over TLS alone, for this very host, and from no other of the domain.
_cookie = "__Host-clawchat-{}" if SESSION_COOKIE_SECURE else "clawchat-{}"
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = _cookie.format("operator"), _cookie.format("form")
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_AGE = 12 * 3600
# The forms' one ends with the browser, as the guide promises of both.
CSRF_COOKIE_AGE = None
# A password that was kept otherwise is kept by the first of these from its next use on.
PASSWORD_HASHERS = [
    "clawchat_site.passwords.OperatorPasswords",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
# Five wrong passwords from one address (one IPv6 customer), whatever the names, and it waits a quarter of an hour. What
# axes keeps of them is an address, a name and a time; the audit log has the rest.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = ["ip_address"]
AXES_CLIENT_IP_CALLABLE = "clawchat_site.signing_in.address_of"
AXES_USERNAME_CALLABLE = "clawchat_site.signing_in.account_of"
AXES_LOCKOUT_TEMPLATE = "admin/locked_out.html"
AXES_RESET_ON_SUCCESS = True
# What is tried meanwhile is not even looked at: kept, each attempt would make one row longer, without an end.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["csrfmiddlewaretoken", "next", "username"]
# Browsers keep it for the whole host, all its ports: only where this server is the host's own https site, by a
# certificate that everybody can check. With a local authority it would lock people out of other things on the host.
_hsts = CLAWCHAT_TLS == "files" and CLAWCHAT_FRONT_TLS and is_whole_site(CLAWCHAT_FRONT_URL)
SECURE_HSTS_SECONDS = 30 * 86_400 if _hsts else 0

# What a monitor elsewhere brings to read /livez, /readyz and /metrics; none: this machine alone reads them.
CLAWCHAT_METRICS_TOKEN = env_secret("CLAWCHAT_METRICS_TOKEN")
LEAST_TOKEN_CHARACTERS = 20
if CLAWCHAT_METRICS_TOKEN and len(CLAWCHAT_METRICS_TOKEN) < LEAST_TOKEN_CHARACTERS:
    raise ImproperlyConfigured(
        f"CLAWCHAT_METRICS_TOKEN is too short: take at least {LEAST_TOKEN_CHARACTERS} characters, such as what "
        "openssl rand -hex 16 prints."
    )

CLAWCHAT_LOG_LEVEL = env_str("CLAWCHAT_LOG_LEVEL", "INFO")
# Lines for people, or one JSON object a line.
CLAWCHAT_LOG_FORMAT = env_choice("CLAWCHAT_LOG_FORMAT", ("line", "json"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "origin": {"()": "clawchat_site.logs.OriginFilter"},
        "few": {"()": "clawchat_site.logs.FewLinesFilter"},
    },
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}{origin_text}", "style": "{"},
        "json": {"()": "clawchat_site.logs.JsonLines"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": CLAWCHAT_LOG_FORMAT, "filters": ["few", "origin"]},
    },
    "root": {"handlers": ["stderr"], "level": CLAWCHAT_LOG_LEVEL},
    "loggers": {
        # "No hostname was supplied" at every connection of the file-system broker.
        "kombu.connection": {"level": "ERROR"},
        # mega.py tells its steps; what comes of them stands in our own line.
        "mega": {"level": "WARNING"},
        # It tells the addresses of those who fail; the audit log has them, and erases them.
        "axes": {"level": "ERROR"},
        # These would tell whole requests, with what they are signed by, once the level is DEBUG.
        **{name: {"level": "WARNING"} for name in ("boto3", "botocore", "s3transfer", "urllib3")},
    },
}
# Set to 1 to see Twisted's own log, tracebacks of timers included.
CLAWCHAT_DEBUG_SERVER = env_bool("CLAWCHAT_DEBUG_SERVER")
