"""What the scripts that ask another trainer have in common. Imports the standard library alone, for other interpreters.

``python SCRIPT EXPORT ANSWER.json`` reads an export; ``python SCRIPT --table FOLDER ANSWER.json`` has the parser of the
trainer read every configuration of a folder, of chats (``chat-NAME.yaml``) and preferences (``preference-NAME.yaml``).
"""

from __future__ import annotations

import contextlib
import json
import os
import sys


def answer(read, parse) -> None:
    """Write what ``read()`` found of an export, or by name why ``parse(file, kind)`` raised, "" where it did not."""
    *table, folder, told = sys.argv[1:]
    os.chdir(folder)
    with contextlib.redirect_stdout(sys.stderr):
        found = {name: refused(parse, name) for name in sorted(os.listdir("."))} if table else read()
    with open(told, "w") as file:
        json.dump(found, file)


def refused(parse, name: str) -> str:
    try:
        parse(name, name.partition("-")[0])
    except (Exception, SystemExit) as error:  # noqa: BLE001 (whatever it raises is its answer)
        return f"{type(error).__name__}: {error}"[:500]
    return ""
