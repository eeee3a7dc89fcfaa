"""The flags of ``audit train`` that are about training at a provider. Reads them; does nothing."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from audit.model import Json

_TEXT: Final = (
    ("provider", "NAME", "local (default), openai or azure; any server that speaks OpenAI's protocol by --base-url"),
    ("base_url", "URL", "address of the provider (default: its own, or OPENAI_BASE_URL, AZURE_OPENAI_ENDPOINT)"),
    ("key_variable", "NAME", "environment variable with the key (default: OPENAI_API_KEY, AZURE_OPENAI_API_KEY)"),
    ("suffix", "TEXT", "part of the tuned model's name"),
)
"""Settings with a flag of their own: name, what stands for the value, meaning."""
ACTIONS: Final = ("status", "pause", "resume", "cancel")


def hosted_arguments(group: argparse._ArgumentGroup) -> None:
    """Declare what a run at a provider takes beside what every run does."""
    for name, metavar, meaning in _TEXT:
        group.add_argument(f"--{name.replace('_', '-')}", metavar=metavar, help=meaning)
    group.add_argument("--no-wait", action="store_true", help="leave when the job was made; --resume follows it")
    group.add_argument(
        "--job", choices=ACTIONS, help="say how the job of the run in -o stands, pause, resume or cancel it"
    )


def hosted_given(args: argparse.Namespace) -> dict[str, Json]:
    """The settings of ``[train]`` that these flags say."""
    given: dict[str, Json] = {name: getattr(args, name) for name, _, _ in _TEXT if hasattr(args, name)}
    return given | ({"wait": False} if hasattr(args, "no_wait") else {})
