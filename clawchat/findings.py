"""What may be found on the way from a client to its server: one sentence for each, and one remedy for whoever reads.

The browser's twin is static/js/chat/findings.js; it has the same rows without the operator's remedies.
"""

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How a step stands."""

    WELL = "well"
    # Something is not as it should be, and the way is open all the same.
    NOTED = "noted"
    WRONG = "wrong"
    # Nobody could tell, or nobody came so far.
    UNKNOWN = "unknown"


# Name of a step and its title, in the order of the way.
STEPS = {
    "clock": "The clock",
    "context": "The page",
    "places": "Where the address is kept",
    "signature": "Who signed the address",
    "freshness": "How new the address is",
    "port": "The port",
    "tls": "The line",
    "gate": "The server",
    "device": "This device",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One row. `{about}` in a sentence is a host, a port, or a length of time."""

    step: str
    grade: Grade
    sentence: str
    # What somebody at a client can do about it; empty when there is nothing to do.
    member: str = ""
    # What somebody at the server can do.
    operator: str = ""
    # Steps whose faults it explains, so that it, not they, is the reason.
    explains: tuple[str, ...] = ()


def _well(step: str, sentence: str) -> Finding:
    return Finding(step, Grade.WELL, sentence)


def _wrong(step: str, sentence: str, member: str, operator: str) -> Finding:
    return Finding(step, Grade.WRONG, sentence, member, operator)


_NETWORK = "Try another network, such as your telephone's; if that does not help, tell whoever runs the server."
_LATER = "Try again in a minute; if it stays so, tell whoever runs the server."
_TELL = "Tell whoever runs the server."
_INVITATION = "Ask for a new invitation."
_CLOCK = "Set the clock of this device to automatic."
_NTP = "Let NTP keep the clock (timedatectl set-ntp true, or chronyc makestep) and restart the server."
_PUBLISH = "Put the newest file there: manage.py publishconnection."
_WRITES = "Find out who else may write there, change its password, and run manage.py publishconnection."
_MIRROR = "Look at this mirror in the admin; its line there has the reason."
_TRUST = "Ask whoever runs the server for its certificate, and compare the fingerprint."
_START = "Start the server, and look at manage.py clawchatstatus."
_DOWN = "If it is this server's own front door, start the server; if not, look at this mirror in the admin."

# Where several of one step are wrong, the one that stands first here is the reason given.
FINDINGS: dict[str, Finding] = {
    "clock_well": _well("clock", "The clock agrees with the server's."),
    "clock_off": Finding(
        "clock",
        Grade.NOTED,
        "The clock of this device is {about} away from the server's.",
        _CLOCK,
        _NTP,
        explains=("freshness", "tls"),
    ),
    "clock_doubted": Finding("clock", Grade.NOTED, "{about}", _CLOCK, _NTP, explains=("freshness", "tls")),
    "clock_unknown": Finding("clock", Grade.UNKNOWN, "Nothing has told yet whether the clock is right."),
    "context_well": _well("context", "The browser takes this page for a secure one."),
    "context_insecure": _wrong(
        "context",
        "The page did not come over a secure connection, so a browser keeps no keys for it.",
        "Open it by the address that begins with https://.",
        "Set CLAWCHAT_TLS, or let a proxy end TLS and give its https address to CLAWCHAT_FRONT_URL.",
    ),
    "offline": _wrong(
        "places",
        "This device has no network.",
        "Connect it to a network.",
        "Connect this machine to a network.",
    ),
    "place_none": _wrong(
        "places",
        "No place is known where the address is kept.",
        _INVITATION,
        "Enable a mirror in the admin.",
    ),
    "places_all": _wrong(
        "places",
        "None of the {about} places where the address is kept has it for us.",
        _NETWORK,
        "Begin with the first line above that is wrong.",
    ),
    "place_well": _well("places", "{about} gave an address."),
    "place_kept": Finding("places", Grade.NOTED, "The address that was kept from before is used."),
    "place_unresolved": _wrong(
        "places",
        "The name {about} leads nowhere.",
        _NETWORK,
        "Correct the name, or its entry in the DNS.",
    ),
    "place_refused": _wrong("places", "{about} turns connections away.", _LATER, _DOWN),
    "place_tls": _wrong(
        "places",
        "The certificate of {about} is not believed here.",
        _TRUST,
        "Renew the certificate, or have devices trust the local authority: manage.py trustca.",
    ),
    "place_silent": _wrong("places", "{about} does not answer in time.", _NETWORK, _MIRROR),
    "place_missing": _wrong("places", "{about} answers, and has no address.", _LATER, _PUBLISH),
    "place_ill": _wrong("places", "{about} answers with an error.", _LATER, _MIRROR),
    "place_moved": _wrong("places", "{about} sends readers somewhere else.", _TELL, _MIRROR),
    "place_large": _wrong("places", "{about} gives far more than an address.", _TELL, _WRITES),
    "place_noise": _wrong("places", "What {about} gives is no address of any server.", _NETWORK, _WRITES),
    "place_unreadable": _wrong("places", "{about} could not be read.", _NETWORK, _MIRROR),
    "signature_well": _well("signature", "Your server signed it."),
    "signature_foreign": _wrong(
        "signature",
        "What {about} has was not signed by your server, and is not used.",
        _TELL,
        _WRITES,
    ),
    "signature_sealed": _wrong(
        "signature",
        "What {about} has is sealed under a key that this device does not have.",
        f"This device may have been shut out. {_INVITATION}",
        _PUBLISH,
    ),
    "fresh_well": _well("freshness", "It is in time, and no newer one is known."),
    "fresh_forked": _wrong(
        "freshness",
        "{about} has another address under the same number; it is not used.",
        _TELL,
        "See that only one server publishes with these keys, then run manage.py publishconnection.",
    ),
    "fresh_older": _wrong(
        "freshness",
        "{about} has an older address than is known already; it is not used.",
        _LATER,
        _PUBLISH,
    ),
    "fresh_future": _wrong("freshness", "By the clock here, the address is from the future.", _CLOCK, _NTP),
    "fresh_expired": _wrong(
        "freshness",
        "The address ran out {about} ago, and there is no newer one.",
        f"{_CLOCK} If it is right, wait for the server to come back.",
        _START,
    ),
    "port_well": _well("port", "Port {about} answers."),
    "port_none": _wrong("port", "The address names no port.", _LATER, _START),
    "port_unsafe": _wrong(
        "port",
        "Port {about} offers no TLS and is not on this machine, so it is not dialled.",
        _TELL,
        "Set CLAWCHAT_TLS.",
    ),
    "port_unresolved": _wrong(
        "port",
        "The name of the server leads nowhere: {about}.",
        _NETWORK,
        "CLAWCHAT_HOST must be a name that leads to this server.",
    ),
    "port_refused": _wrong("port", "Port {about} turns connections away.", _LATER, _START),
    "port_silent": _wrong(
        "port",
        "Port {about} does not answer: something on the way lets nothing through.",
        _NETWORK,
        "Look at manage.py checkreach; a fixed port (CLAWCHAT_FIXED_PORT) passes most networks.",
    ),
    "port_left": _wrong("port", "The server has left port {about}.", _LATER, _PUBLISH),
    "port_strange": _wrong(
        "port",
        "What answers at port {about} is no chat port.",
        _NETWORK,
        "See which program has that port; manage.py rotateports --now takes another.",
    ),
    "tls_well": _well("tls", "The line is encrypted, and its certificate is believed."),
    "tls_local": _well("tls", "The server is on this very machine, so the line needs no certificate."),
    "tls_untrusted": _wrong(
        "tls",
        "The certificate of {about} is not believed here.",
        _TRUST,
        "Renew the certificate, or have devices trust the local authority: manage.py trustca.",
    ),
    "tls_ended": _wrong(
        "tls",
        "The certificate of {about} has run out, or is not valid yet.",
        _TELL,
        "Renew the certificate; manage.py check names it.",
    ),
    "tls_unknown": Finding("tls", Grade.UNKNOWN, "A browser does not tell whether the certificate was the reason."),
    "gate_well": _well("gate", "Your server answered and proved itself."),
    "gate_foreign": _wrong(
        "gate",
        "Something answered that is not your server. Nothing was sent to it.",
        _NETWORK,
        "See which server listens there; it has other keys than this database.",
    ),
    "gate_closed": _wrong(
        "gate",
        "The server hung up at the first word: to it, this device is a stranger.",
        "Try again in a minute; if it stays so, ask for a new invitation.",
        "Restart the server, so that it reads its keys again.",
    ),
    "gate_silent": _wrong(
        "gate",
        "The server took the connection and then said nothing.",
        _LATER,
        "See how busy the machine is; restart the server.",
    ),
    "gate_version": _wrong(
        "gate",
        "This page and the server no longer speak the same language.",
        'Reload the page, and choose "Use it now" when a newer version is offered.',
        "Use a client of this server's version.",
    ),
    "device_well": _well("device", "This device is let in."),
    "device_none": _wrong(
        "device", "No invitation was used on this device yet.", _INVITATION, "manage.py createinvite"
    ),
    "device_revoked": _wrong(
        "device",
        "This device was signed out.",
        _INVITATION,
        "If that was a mistake: manage.py createinvite",
    ),
    "device_refused": _wrong(
        "device",
        "The server does not know this device.",
        _INVITATION,
        "manage.py createinvite",
    ),
    "device_full": _wrong("device", "The server has no room for more devices now.", _LATER, "Raise the limit."),
    "device_later": _wrong("device", "The server cannot let anybody in just now.", _LATER, _START),
}
