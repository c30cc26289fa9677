"""Countries as operators write them: two-letter codes of ISO 3166-1, with spaces or commas between."""

from django.core.exceptions import ValidationError

# ISO 3166-1 alpha-2, and XK, by which address files know Kosovo: the second letters for each first one.
_LETTERS = {
    "A": "DEFGILMOQRSTUWXZ",
    "B": "ABDEFGHIJLMNOQRSTVWYZ",
    "C": "ACDFGHIKLMNORUVWXYZ",
    "D": "EJKMOZ",
    "E": "CEGHRST",
    "F": "IJKMOR",
    "G": "ABDEFGHILMNPQRSTUWY",
    "H": "KMNRTU",
    "I": "DELMNOQRST",
    "J": "EMOP",
    "K": "EGHIMNPRWYZ",
    "L": "ABCIKRSTUVY",
    "M": "ACDEFGHKLMNOPQRSTUVWXYZ",
    "N": "ACEFGILOPRUZ",
    "O": "M",
    "P": "AEFGHKLMNRSTWY",
    "Q": "A",
    "R": "EOSUW",
    "S": "ABCDEGHIJKLMNORSTVXYZ",
    "T": "CDFGHJKLMNORTVWZ",
    "U": "AGMSYZ",
    "V": "ACEGINU",
    "W": "FS",
    "X": "K",
    "Y": "ET",
    "Z": "AMW",
}
CODES = frozenset(first + second for first, seconds in _LETTERS.items() for second in seconds)


def parse_countries(text: str) -> tuple[str, ...]:
    """The codes in a text, in upper case, each once and in order.

    Raises: ValidationError (one that no country has).
    """
    codes = tuple(sorted({word.upper() for word in text.replace(",", " ").split()}))
    unknown = [code for code in codes if code not in CODES]
    if unknown:
        shown = ", ".join(code[:16] for code in unknown[:5])
        raise ValidationError(f"No country has the code {shown}. Write two letters for each, such as DE FR GB.")
    return codes
