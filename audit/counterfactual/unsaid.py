"""Prompts without what a swap of the group changes in them: what is left may still tell the group. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from audit.counterfactual.profiles import Profile, profile_of
from audit.model import Json
from audit.read.folding import words

Messages = Sequence[Mapping[str, Json]]


def without_the_group(pairs: Sequence[tuple[Messages, Messages]]) -> list[str]:
    """For each prompt and its swap, the units of the prompt that say the same in both, one space between two.

    A field that a swap changes in any prompt is left out of all: that a coupled field was left out of some would tell
    the group. Elsewhere the words that the swap does not have are left out.
    """
    profiles = [(profile_of(prompt), profile_of(swapped)) for prompt, swapped in pairs]
    changed = {key for ours, theirs in profiles for key in _changed(ours, theirs)}
    return [
        " ".join(_units(ours, changed)) if ours is not None else _words_in_both(*pair)
        for (ours, _), pair in zip(profiles, pairs, strict=True)
    ]


def _changed(ours: Profile | None, theirs: Profile | None) -> Iterator[str]:
    if ours is not None and theirs is not None:
        for one, other in zip(ours.fields, theirs.fields, strict=False):
            if one.value != other.value:
                yield one.key


def _units(profile: Profile, left_out: set[str]) -> Iterator[str]:
    """The fields that stay, each as one unit, and the words of those that are sentences."""
    for field in profile.fields:
        if field.key not in left_out:
            said = words(field.value).decode()
            yield f"{field.key}={said}".replace(" ", "_")
            if said.count(" ") > 2:
                yield said


def _words_in_both(prompt: Messages, swapped: Messages) -> str:
    kept = set(_said(swapped).split())
    return " ".join(word for word in _said(prompt).split() if word in kept)


def _said(messages: Messages) -> str:
    contents = (message.get("content") for message in messages)
    return " ".join(words(text).decode() for text in contents if isinstance(text, str))
