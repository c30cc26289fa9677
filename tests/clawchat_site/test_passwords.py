"""Operators' passwords are kept by Argon2id; older ones are kept so from their next use on."""

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from clawchat_site import settings as product

PASSWORD = "a long word for an operator"


@pytest.fixture(autouse=True)
def the_products_hashers(settings):
    """The tests' own settings have a quick hasher."""
    settings.PASSWORD_HASHERS = product.PASSWORD_HASHERS


@pytest.mark.django_db
def test_a_password_is_kept_by_argon2id():
    """Its memory, passes and salt stand in the row, the password does not."""
    user = get_user_model().objects.create_user("ada", password=PASSWORD)

    assert user.password.startswith("argon2$argon2id$v=19$m=47104,t=1,p=1$")
    assert PASSWORD not in user.password
    assert user.check_password(PASSWORD)
    assert not user.check_password(PASSWORD + "s")


@pytest.mark.django_db
def test_an_older_password_is_kept_anew_when_it_is_used(rf):
    """One by PBKDF2 still opens, and is Argon2id after that."""
    user = get_user_model().objects.create_user("bob")
    user.password = PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations=1000)
    user.save()

    assert authenticate(rf.post("/"), username="bob", password=PASSWORD) == user

    user.refresh_from_db()
    assert user.password.startswith("argon2$argon2id$")
    assert user.check_password(PASSWORD)
