"""Wraps: every device that remains comes to the new secret, nobody else does, and a mirror learns how many at most."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clawchat.protocol.errors import Malformed, PeerError, Unauthentic, UnknownPeer, UsageError
from clawchat.protocol.key_schedule import key_id, wrap_key, wrap_tag
from clawchat.protocol.keys import DiscoverySecret, PreSharedKey
from clawchat.protocol.wraps import (
    MAX_WRAPS,
    WRAP_BYTES,
    WRAPS_STEP,
    check_wraps,
    join_wraps,
    make_padding,
    make_wrap,
    open_wrap,
)
from tests.protocol.pairs import changed_bytes

SECRET = DiscoverySecret(bytes(range(32)))
KID = key_id(SECRET)
PSK, OTHER_PSK = PreSharedKey(bytes([1]) * 32), PreSharedKey(bytes([2]) * 32)


def filled(*entries):
    """The entries with padding up to the next step, joined."""
    return join_wraps([*entries, *(make_padding() for _ in range(-len(entries) % WRAPS_STEP))])


def entries_of(wraps):
    return [wraps[at : at + WRAP_BYTES] for at in range(0, len(wraps), WRAP_BYTES)]


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40))
def test_everybody_with_an_entry_comes_to_the_secret(count):
    """And each by the own entry."""
    secret = DiscoverySecret.generate()
    psks = [PreSharedKey.generate() for _ in range(count)]
    wraps = filled(*(make_wrap(psk, secret) for psk in psks))

    assert all(open_wrap(wraps, key_id(secret), [psk]) == secret for psk in psks)
    assert len(wraps) % (WRAPS_STEP * WRAP_BYTES) == 0


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 5), st.integers(1, 6))
def test_the_revoked_stays_out_and_the_others_find_home(changes, remaining):
    """Through several changes, with every set ever published and every secret it had in hand."""
    psks = [PreSharedKey.generate() for _ in range(remaining)]
    revoked = PreSharedKey.generate()
    secrets = [DiscoverySecret.generate() for _ in range(changes + 1)]
    published = [filled(*(make_wrap(psk, secrets[0]) for psk in [*psks, revoked]))]
    published += [filled(*(make_wrap(psk, secret) for psk in psks)) for secret in secrets[1:]]
    had = [revoked, PreSharedKey(bytes(secrets[0]))]

    for secret, wraps in list(zip(secrets, published, strict=True))[1:]:
        with pytest.raises(UnknownPeer):
            open_wrap(wraps, key_id(secret), had)
    # Who was offline all the time needs the last one alone.
    assert all(open_wrap(published[-1], key_id(secrets[-1]), [psk]) == secrets[-1] for psk in psks)


def test_a_wrap_is_repeated_byte_for_byte():
    """A set that is published again must not differ, or a mirror could tell entries from padding."""
    assert make_wrap(PSK, SECRET) == make_wrap(PSK, SECRET)
    assert make_wrap(PSK, SECRET) != make_wrap(OTHER_PSK, SECRET)
    assert make_padding() != make_padding()
    assert len(make_wrap(PSK, SECRET)) == len(make_padding()) == WRAP_BYTES


def test_neither_tag_nor_seal_repeats_under_the_next_secret():
    """So nobody can follow a device from one secret to the next."""
    now, later = make_wrap(PSK, SECRET), make_wrap(PSK, DiscoverySecret.generate())

    assert now[:8] != later[:8]
    assert wrap_key(PSK, KID) != wrap_key(PSK, bytes(8))
    assert wrap_tag(PSK, KID) == now[:8] != wrap_key(PSK, KID)[:8]


def test_entries_are_sorted_whatever_their_order():
    """Their places say nothing."""
    entries = [make_wrap(PSK, SECRET), *(make_padding() for _ in range(15))]

    assert join_wraps(entries) == join_wraps(reversed(entries))
    assert entries_of(join_wraps(entries)) == sorted(entries)


def test_second_psk_is_tried():
    """A device that renews its PSK holds two."""
    assert open_wrap(filled(make_wrap(PSK, SECRET)), KID, [OTHER_PSK, PSK]) == SECRET


def test_an_entry_that_does_not_open_keeps_nobody_from_the_next():
    """The first is broken, the second PSK's is whole."""
    broken = make_wrap(PSK, SECRET)[:-1] + b"\0"
    wraps = filled(broken, make_wrap(OTHER_PSK, SECRET))

    assert open_wrap(wraps, KID, [PSK, OTHER_PSK]) == SECRET
    with pytest.raises(Unauthentic):
        open_wrap(wraps, KID, [PSK])


def test_every_changed_byte_is_refused():
    """In the tag it is not ours any more, in the seal it is forged."""
    for at, entry in changed_bytes(make_wrap(PSK, SECRET)):
        with pytest.raises(UnknownPeer if at < 8 else Unauthentic):
            open_wrap(filled(entry), KID, [PSK])


def test_a_wrap_of_another_secret_under_our_kid_is_refused():
    """Whoever could make one holds our PSK; still the file's key must be the one it names."""
    other = DiscoverySecret.generate()
    borrowed = wrap_tag(PSK, KID) + make_wrap(PSK, other)[8:]

    with pytest.raises(Unauthentic):
        open_wrap(filled(borrowed), KID, [PSK])
    with pytest.raises(UnknownPeer):
        open_wrap(filled(make_wrap(PSK, other)), KID, [PSK])


@pytest.mark.parametrize("psks", [[], [OTHER_PSK], [PreSharedKey(bytes(SECRET))]], ids=["none", "other", "secret"])
def test_nobody_else_comes_in(psks):
    """No PSK, a stranger's, or one made of the secret."""
    with pytest.raises(UnknownPeer):
        open_wrap(filled(make_wrap(PSK, SECRET)), KID, psks)


@pytest.mark.parametrize("count", [1, 15, 17, MAX_WRAPS + 1, MAX_WRAPS + WRAPS_STEP])
def test_wrong_counts_are_ours_to_avoid_and_theirs_to_be_refused(count):
    """Multiples of sixteen up to 608."""
    entries = sorted(make_padding() for _ in range(count))
    with pytest.raises(UsageError):
        join_wraps(entries)
    with pytest.raises(Malformed):
        check_wraps(b"".join(entries))


@pytest.mark.parametrize("count", [0, 16, MAX_WRAPS])
def test_right_counts_are_taken(count):
    """None at all, one step, and as many as there may be."""
    wraps = join_wraps(make_padding() for _ in range(count))

    check_wraps(wraps)
    with pytest.raises(UnknownPeer):
        open_wrap(wraps, KID, [PSK])


@given(st.integers(0, 14))
def test_neighbours_that_change_places_are_refused(at):
    """One order, so that one set has one spelling."""
    entries = entries_of(filled(make_wrap(PSK, SECRET)))
    entries[at], entries[at + 1] = entries[at + 1], entries[at]
    with pytest.raises(Malformed):
        open_wrap(b"".join(entries), KID, [PSK])


def test_an_entry_twice_is_refused():
    """Also two entries with one tag."""
    ours = make_wrap(PSK, SECRET)
    for second in (ours, ours[:8] + bytes(48)):
        with pytest.raises(UsageError):
            filled(ours, second)
        with pytest.raises(Malformed):
            check_wraps(b"".join(sorted([ours, second, *(make_padding() for _ in range(14))])))


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_peer_error(data):
    """Nothing else is raised."""
    with pytest.raises(PeerError):
        open_wrap(data, KID, [PSK])
