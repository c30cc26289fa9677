"""What a case is, and how it becomes a file."""

import json


def plain(value):
    """The value as JSON has it: bytes as hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


class Area:
    """Collects the cases of one area: right ones with their output, wrong ones with their code."""

    def __init__(self, name, spec):
        self.name = name
        self.spec = spec
        self.files = {}

    def right(self, case, comment, given, output):
        """The input is accepted and gives this output."""
        self._add(case, {"comment": comment, "expect": "ok", "input": given, "output": output})

    def wrong(self, case, expect, comment, given):
        """The input is refused with this code."""
        self._add(case, {"comment": comment, "expect": expect, "input": given})

    def _add(self, case, members):
        assert case not in self.files, f"{self.name}/{case} twice"
        self.files[case] = json.dumps(plain({"spec": self.spec, **members}), indent=1, ensure_ascii=False) + "\n"
