"""Who works at this machine, as audit events name them."""

import getpass
import os


def acting_user() -> str:
    """`cli:` and the name of the machine's user."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a container's user may have a number only
        return f"cli:{os.getuid()}"
