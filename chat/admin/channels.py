"""Alert channels: where alerts are told. Secrets go in and never come out again."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from chat.models import AlertChannel
from chat.services.channels import CannotTell, host_of, parse_addresses, read_secrets, send_test, write_secrets

KEPT = "Stored and never shown. Leave it empty to keep what is stored."
LEAST_KEY = 16
Kind = AlertChannel.Kind


def hidden(label: str, help_text: str) -> forms.CharField:
    """A field for a secret: what is stored is never put into the page."""
    widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    return forms.CharField(label=label, required=False, max_length=512, help_text=f"{help_text} {KEPT}", widget=widget)


class NewChannelForm(forms.ModelForm):
    """The first page of a new channel: what it is called, and its kind; the rest is asked on the next."""

    kind = forms.ChoiceField(
        choices=Kind.choices,
        widget=UnfoldAdminSelectWidget,
        help_text="Save, and the next page asks for what this kind needs.",
    )

    class Meta:
        model = AlertChannel
        fields = ["name", "kind"]
        widgets = {"name": UnfoldAdminTextInputWidget}

    def save(self, commit: bool = True) -> AlertChannel:
        """A row that is off until it was filled in."""
        self.instance.enabled = False
        return super().save(commit)


class ChannelForm(forms.ModelForm):
    """What every kind has. A subclass names its sealed fields."""

    sealed_fields: tuple[str, ...] = ()

    class Meta:
        model = AlertChannel
        fields = ["name", "enabled", "least"]
        labels = {"least": "Tell what is at least"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        try:
            self._stored = read_secrets(self.instance)
        except CannotTell:
            # Sealed under a master key that is gone: all of it has to be entered again.
            self._stored = {}
        if not self.is_filled_in():
            self.initial["enabled"] = True

    def is_filled_in(self) -> bool:
        """Whether everything that its kind needs is stored."""
        return all(self._stored.get(name) for name in self.sealed_fields)

    def clean(self) -> dict[str, Any]:
        """What is on has all that it needs."""
        given = super().clean()
        for name in self.sealed_fields:
            if name not in self.errors and given.get("enabled") and not (given.get(name) or self._stored.get(name)):
                self.add_error(name, "Enter it before the channel is turned on.")
        return given

    def store_secrets(self) -> None:
        """Seal what was entered; what was left empty stays as it was."""
        entered = {name: self.cleaned_data[name] for name in self.sealed_fields if self.cleaned_data[name]}
        if entered:
            write_secrets(self.instance, {**self._stored, **entered})


class MailForm(ChannelForm):
    """Mail, by the server that EMAIL_URL names."""

    to = forms.CharField(
        label="Addresses",
        max_length=1000,
        widget=UnfoldAdminTextInputWidget,
        help_text="With commas between them. The mail server is named by EMAIL_URL.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].initial = self.instance.options.get("to", "")

    def is_filled_in(self) -> bool:
        """Whether it has addresses."""
        return bool(self.instance.options)

    def clean_to(self) -> str:
        """Addresses, each of which is one."""
        try:
            return ", ".join(parse_addresses(self.cleaned_data["to"]))
        except CannotTell as error:
            raise ValidationError(str(error)) from None

    def save(self, commit: bool = True) -> AlertChannel:
        """With the addresses."""
        self.instance.options = {"to": self.cleaned_data["to"]}
        return super().save(commit)


class WebForm(ChannelForm):
    """A web address, which is a secret by itself."""

    sealed_fields = ("url",)

    url = hidden("Web address", "As https://; whoever knows it can write there.")

    def clean_url(self) -> str:
        """An address that alerts may be sent to."""
        url = self.cleaned_data["url"].strip()
        try:
            return url if not url or host_of(url) else ""
        except CannotTell as error:
            raise ValidationError(str(error)) from None

    def save(self, commit: bool = True) -> AlertChannel:
        """With the host, the one part of it that is shown."""
        if self.cleaned_data["url"]:
            self.instance.options = {"host": host_of(self.cleaned_data["url"])}
        return super().save(commit)


class WebhookForm(WebForm):
    """A webhook: JSON, signed."""

    sealed_fields = ("url", "key")

    key = hidden("Signing key", f"At least {LEAST_KEY} random characters that the receiver knows too.")

    def clean_key(self) -> str:
        """Long enough that nobody guesses it."""
        key = self.cleaned_data["key"]
        if key and len(key) < LEAST_KEY:
            raise ValidationError(f"It has to have at least {LEAST_KEY} characters.")
        return key


FORMS: dict[str, type[ChannelForm]] = {Kind.MAIL: MailForm, Kind.WEBHOOK: WebhookForm, Kind.SLACK: WebForm}


@admin.register(AlertChannel)
class AlertChannelAdmin(ModelAdmin):
    """Where alerts are told; an operator adds channels, fills them in, tries them, turns them on and off."""

    list_display = ["name", "kind", "where", "enabled", "least", "last_error", "told_at"]
    readonly_fields = ["where", "last_error", "told_at"]
    ordering = ["name"]
    actions = ["try_out"]

    @admin.display(description="where")
    def where(self, channel: AlertChannel) -> str:
        """Addresses of mail, or the host; never the whole web address."""
        return channel.options.get("to") or channel.options.get("host") or "-"

    def get_form(
        self, request: HttpRequest, obj: AlertChannel | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        """Name and kind at first, then what this kind asks for."""
        form = NewChannelForm if obj is None else FORMS[obj.kind]
        return super().get_form(request, obj, change, form=form, **kwargs)

    def get_fieldsets(
        self, request: HttpRequest, obj: AlertChannel | None = None
    ) -> list[tuple[str | None, dict[str, Any]]]:
        """What can be entered, and below it how the channel fares."""
        form = NewChannelForm if obj is None else FORMS[obj.kind]
        entered = list(form.base_fields)
        return [
            (None, {"fields": entered}),
            *([] if obj is None else [("How it fares", {"fields": self.readonly_fields})]),
        ]

    def save_model(self, request: HttpRequest, obj: AlertChannel, form: forms.ModelForm, change: bool) -> None:
        """Store the row, then seal its secrets."""
        super().save_model(request, obj, form, change)
        if isinstance(form, ChannelForm):
            form.store_secrets()

    def response_add(
        self, request: HttpRequest, obj: AlertChannel, post_url_continue: str | None = None
    ) -> HttpResponse:
        """On to what its kind asks for."""
        request.POST = request.POST.copy()
        request.POST["_continue"] = "1"
        return super().response_add(request, obj, post_url_continue)

    @admin.action(description="Send a test", permissions=["change"])
    def try_out(self, request: HttpRequest, queryset: QuerySet[AlertChannel]) -> None:
        """Say at each of the chosen channels, now, that this is a test."""
        for channel in queryset:
            try:
                send_test(channel)
            except CannotTell as error:
                self.message_user(request, f"{channel.name}: {error}", messages.ERROR)
            else:
                self.message_user(request, f"{channel.name}: the test was sent.", messages.SUCCESS)
