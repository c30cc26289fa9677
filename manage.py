#!/usr/bin/env python
"""The commands of a ClawChat server: `manage.py help` lists them."""

import os
import sys

from rotation import early_end


def main() -> None:
    """Run the command named on the command line."""
    if sys.argv[1:2] == ["runclawchat"]:
        # A server that is told to end while it starts ends well too; once it runs, it takes signals itself.
        early_end.listen()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clawchat_site.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # A setting of the operator's: the sentence names it, and a traceback would only hide that.
        sys.exit(f"Configuration: {error}")


if __name__ == "__main__":
    main()
