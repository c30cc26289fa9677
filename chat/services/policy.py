"""The operators' limits."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from chat.countries import Countries
from chat.models import ConnectionPolicy, News
from chat.models.policy import CountryRule
from chat.services import audit, news
from clawchat.protocol.parameters import KeyLimits


def current_policy() -> ConnectionPolicy:
    """The limits in force; the defaults on a database that has none yet."""
    return ConnectionPolicy.objects.filter(pk=1).first() or ConnectionPolicy()


def check_country_rule(policy: ConnectionPolicy, own_address: str = "") -> None:
    """Nothing, when this rule can be in force and lets in who makes it.

    Raises: ValidationError.
    """
    if policy.country_rule == CountryRule.OFF:
        return
    if settings.CLAWCHAT_GEOIP_FILE is None:
        raise ValidationError({"country_rule": "Set CLAWCHAT_GEOIP_FILE first: without a file no country is known."})
    countries = Countries()
    countries.limit(policy)
    countries.use(countries.read())
    if countries.is_idle:
        raise ValidationError({"country_rule": f"The file of countries cannot be used. {countries.problem}"})
    if own_address and not countries.may_come(own_address):
        raise ValidationError({"country_rule": "This would shut out the address that you come from yourself."})


def key_limits(policy: ConnectionPolicy) -> tuple[KeyLimits, KeyLimits]:
    """The soft and the hard limits of a session's keys, as they are announced.

    A soft limit is at most half the hard one, whatever the row says: a rekey needs time before the keys end.
    """
    hard = KeyLimits(policy.keys_end_after_seconds, policy.keys_end_after_bytes, policy.keys_end_after_frames)
    soft = KeyLimits(policy.rekey_after_seconds, policy.rekey_after_bytes, policy.rekey_after_frames)
    return soft.at_most(KeyLimits(hard.seconds // 2, hard.volume_bytes // 2, hard.frames // 2)), hard


@transaction.atomic
def change_policy(actor: str, **limits: int | str | bool) -> None:
    """Set some of the limits; every server process reads them again within a quarter of a second.

    Raises: ValidationError (a limit that would let nobody in, a country that there is not), and nothing is changed.
    """
    policy, _ = ConnectionPolicy.objects.select_for_update().get_or_create(pk=1)
    for name, value in limits.items():
        setattr(policy, name, value)
    policy.full_clean(exclude={field.name for field in policy._meta.fields} - limits.keys())
    policy.save(update_fields=[policy._meta.get_field(name).name for name in limits])
    audit.record("policy_changed", actor=actor, **limits)
    news.tell(News.Kind.POLICY)
