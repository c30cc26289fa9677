"""The people who run this server: their accounts, each with one role."""

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminRadioSelectWidget

from chat.services.roles import EXPLAINED, LastOwner, Role, give_role, refuse_last_owner, role_of

# Roles are made by the server; rights of single people, and groups of other people's making, would only hide them.
admin.site.unregister([User, Group])


class WithRole(forms.Form):
    """The part of both forms that says what an account may do."""

    role = forms.ChoiceField(
        choices=[(str(role), f"{role}: {text}") for role, text in EXPLAINED.items()],
        widget=UnfoldAdminRadioSelectWidget,
    )


class AccountForm(WithRole, UserChangeForm):
    """An account that is there."""

    def __init__(self, *arguments, **options) -> None:
        super().__init__(*arguments, **options)
        self.fields["role"].initial = role_of(self.instance)

    def clean(self) -> dict:
        """Refuse what would leave no owner."""
        given = super().clean()
        if given.get("role") != Role.OWNER or not given.get("is_active"):
            try:
                with transaction.atomic():
                    refuse_last_owner(self.instance)
            except LastOwner as error:
                raise forms.ValidationError(str(error)) from None
        return given


class NewAccountForm(WithRole, UserCreationForm):
    """An account to be made."""


@admin.register(User)
class AccountAdmin(DjangoUserAdmin, ModelAdmin):
    """Who may sign in here, and as what."""

    form, add_form, change_password_form = AccountForm, NewAccountForm, AdminPasswordChangeForm
    fieldsets = [
        (None, {"fields": ["username", "role", "is_active"]}),
        ("Since when", {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [(None, {"fields": ["username", "role", "password1", "password2"]})]
    readonly_fields = ["last_login", "date_joined"]
    list_display = ["username", "role", "is_active", "last_login"]
    list_filter = ["is_active"]
    search_fields = ["username"]
    filter_horizontal = []
    # One at a time, so that the last owner is seen.
    actions = None

    @admin.display(description="role")
    def role(self, account: User) -> str:
        """What the account may do."""
        return str(role_of(account) or "none")

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm, change: bool) -> None:
        """With the role, through the service, so that the audit log hears of it."""
        super().save_model(request, obj, form, change)
        if "role" in form.cleaned_data:
            give_role(obj, Role(form.cleaned_data["role"]), actor=request.user.get_username())

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Not the last owner's account, and not one's own."""
        if obj is None or obj == request.user:
            return obj is None and super().has_delete_permission(request, obj)
        try:
            with transaction.atomic():
                refuse_last_owner(obj)
        except LastOwner:
            return False
        return super().has_delete_permission(request, obj)
