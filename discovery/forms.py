"""What an operator enters for a mirror, by its kind. Secrets go in and never come out again."""

import re
from typing import Any

from django import forms

from clawchat.protocol.places import FILE_NAME, LIST_NAME, MegaFolder, WebPlace, parse_place

from .mirrors import MirrorError
from .models import Mirror
from .services.mirror_secrets import read_secrets, write_secrets
from .storages import FOLDER, S3, TRUSTED

KEPT = "Stored and never shown. Leave it empty to keep what is stored."
PUBLIC_HELP = (
    f"Where anyone reads {FILE_NAME} without a password, as https://; {LIST_NAME} is read beside it. Browsers read it "
    "only when the server there allows other sites to (CORS)."
)
# The kinds that an operator adds; the others every server has by itself.
ADDED = [("webdav", "WebDAV"), ("storage", "Storage (S3-compatible and others)"), ("mega", "MEGA")]
KINDS = {"local_file": "File on this machine", "https_endpoint": "Front door", **dict(ADDED)}
# Addresses are long: all of one is to be seen.
WIDE = {"size": 70}

# As the storages of django-storages call their secrets.
_SECRET_NAME = re.compile("secret|passw|passphrase|token|credential|connection_string|key$", re.IGNORECASE)
_USER_IN_ADDRESS = re.compile(r"://[^/\s]*@")


def hidden(label: str) -> forms.CharField:
    """A field for a secret: what is stored is never put into the page."""
    return forms.CharField(
        label=label,
        required=False,
        max_length=512,
        strip=False,
        help_text=KEPT,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class NewMirrorForm(forms.ModelForm):
    """The first page of a new mirror: what it is called, and its kind; the rest is asked on the next."""

    kind = forms.ChoiceField(choices=ADDED, help_text="Save, and the next page asks for what this kind needs.")

    class Meta:
        model = Mirror
        fields = ["name", "kind"]

    def save(self, commit: bool = True) -> Mirror:
        """A row that is off until it was filled in."""
        self.instance.enabled = False
        return super().save(commit)


class MirrorForm(forms.ModelForm):
    """What every kind has. A subclass names its fields that are stored as they are, and those that are sealed."""

    open_fields: tuple[str, ...] = ()
    sealed_fields: tuple[str, ...] = ()
    # Sealed things that a new password makes worthless.
    forgotten: tuple[str, ...] = ()

    class Meta:
        model = Mirror
        fields = ["name", "enabled"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.open_fields and not self.instance.options:
            # Filled in for the first time: whoever does that wants it used.
            self.initial["enabled"] = True
        for name in self.open_fields:
            self.fields[name].initial = self.instance.options.get(name, self.fields[name].initial)

    def save(self, commit: bool = True) -> Mirror:
        """With the options; secrets are for `store_secrets`, once the row is stored."""
        options = {name: self.cleaned_data[name] for name in self.open_fields}
        self.instance.options = {**self.instance.options, **options}
        return super().save(commit)

    def store_secrets(self) -> None:
        """Seal what was entered; what was left empty stays as it was."""
        entered = {name: self.cleaned_data[name] for name in self.sealed_fields if self.cleaned_data[name]}
        if not entered and not set(self.open_fields) & set(self.changed_data):
            return
        try:
            stored = read_secrets(self.instance)
        except MirrorError:
            # Sealed under a master key that is gone: all of it has to be entered again.
            stored = {}
        kept = {name: value for name, value in stored.items() if name not in self.forgotten}
        write_secrets(self.instance, {**kept, **entered})


class PublicForm(MirrorForm):
    """What mirrors have that are read at a public web address."""

    public = forms.CharField(
        label="Public address", max_length=512, help_text=PUBLIC_HELP, widget=forms.TextInput(attrs=WIDE)
    )

    def clean_public(self) -> str:
        """A place as readers understand it."""
        return _web_place(self.cleaned_data["public"])


class WebDavForm(PublicForm):
    """A WebDAV folder."""

    open_fields = ("folder", "user", "public")
    sealed_fields = ("password",)

    folder = forms.CharField(
        max_length=512,
        help_text="Where to write, as https://; at Nextcloud it stands under Files, Settings, WebDAV.",
        widget=forms.TextInput(attrs=WIDE),
    )
    user = forms.CharField(max_length=128)
    password = hidden("Password")

    field_order = ["name", "enabled", "folder", "user", "password", "public"]

    def clean_folder(self) -> str:
        """The password never goes out in the clear."""
        return _web_place(self.cleaned_data["folder"])


class StorageForm(PublicForm):
    """Any storage of django-storages."""

    open_fields = ("backend", "options", "public")

    backend = forms.CharField(
        max_length=128,
        initial=S3,
        help_text=f"The storage's class, for example {S3} or {FOLDER}.",
        widget=forms.TextInput(attrs=WIDE),
    )
    options = forms.JSONField(
        required=False,
        initial=dict,
        help_text='Named as in the manual of django-storages, for example {"bucket_name": "...", "endpoint_url": '
        '"https://...", "region_name": "...", "default_acl": "public-read"}. No secrets here.',
        widget=forms.Textarea(attrs={"rows": 4, "cols": 70, "spellcheck": "false"}),
    )
    secret_options = forms.JSONField(
        required=False,
        help_text=f'Those that are secret, for example {{"access_key": "...", "secret_key": "..."}}. {KEPT}',
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", **WIDE}),
    )

    field_order = ["name", "enabled", "backend", "options", "secret_options", "public"]

    def clean_backend(self) -> str:
        """Only storages are made from a name that is entered here."""
        backend = self.cleaned_data["backend"].strip()
        if not backend.startswith(TRUSTED):
            raise forms.ValidationError(f"It has to begin with {' or '.join(TRUSTED)}")
        return backend

    def clean_options(self) -> dict[str, Any]:
        """A map, and nothing in it that belongs into the other field."""
        options = _map(self.cleaned_data["options"])
        if _holds_secret(options):
            raise forms.ValidationError("Put passwords and keys into the secret options: these here are shown.")
        return options

    def clean_secret_options(self) -> dict[str, Any]:
        """A map."""
        return _map(self.cleaned_data["secret_options"])

    def store_secrets(self) -> None:
        """All secret options together, as they were entered."""
        if self.cleaned_data["secret_options"]:
            write_secrets(self.instance, {"options": self.cleaned_data["secret_options"]})


class MegaForm(MirrorForm):
    """A folder in an account at MEGA, shared as a link."""

    open_fields = ("email",)
    sealed_fields = ("password", "link", "two_factor_code")
    forgotten = ("session",)

    email = forms.EmailField(label="E-mail address", max_length=254, help_text="Of an account for this purpose alone.")
    password = hidden("Password")
    link = hidden("Link of the shared folder")
    two_factor_code = hidden("Two-factor code")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["link"].widget.attrs |= WIDE
        self.fields["link"].help_text = f"https://mega.nz/folder/...#..., with its key. {KEPT}"
        self.fields["two_factor_code"].help_text = "Only if the account asks for one; it is used once, within a minute."

    def clean_link(self) -> str:
        """A folder's link as readers understand it."""
        link = self.cleaned_data["link"].strip()
        if link and not isinstance(parse_place(link), MegaFolder):
            raise forms.ValidationError("This is no link of a folder with its key: https://mega.nz/folder/...#...")
        return link


FORMS: dict[str, type[MirrorForm]] = {"webdav": WebDavForm, "storage": StorageForm, "mega": MegaForm}


def form_of(mirror: Mirror) -> type[MirrorForm]:
    """The form of this mirror's kind."""
    return FORMS.get(mirror.kind, MirrorForm)


def _web_place(url: str) -> str:
    url = url.strip()
    if not isinstance(parse_place(url), WebPlace):
        raise forms.ValidationError("Enter a web address that begins with https://, without a user or a fragment.")
    return url


def _holds_secret(value: Any) -> bool:
    """Whether anything in it has the name of a secret, or is an address with a user in it, however deep it lies."""
    if isinstance(value, dict):
        return any(_SECRET_NAME.search(name) for name in value) or _holds_secret(list(value.values()))
    if isinstance(value, list):
        return any(map(_holds_secret, value))
    return isinstance(value, str) and _USER_IN_ADDRESS.search(value) is not None


def _map(value: Any) -> dict[str, Any]:
    if value in (None, ""):
        return {}
    if not isinstance(value, dict):
        raise forms.ValidationError('Write it as {"name": "value"}.')
    return value
