"""Scorers by the name that an option gives them. Scores nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Final

from audit.errors import AuditError, MissingExtra, UsageError
from audit.rule.run import Scorer

NAMES: Final = "openai-moderation, openai-moderation:URL, classifier:FOLDER, presidio or module:object"


def load_scorer(name: str) -> Scorer:
    """The scorer of a name: ``openai-moderation``, ``openai-moderation:URL``, ``classifier:FOLDER``, ``presidio``, or
    ``module:object`` of the user's own (a scorer, or something that makes one when it is called without arguments).

    Raises UsageError for another name and for an object that is no scorer, and what the scorer raises: MissingExtra
    for a package that is not installed, InputError for a folder without a model.
    """
    kind, mark, rest = name.partition(":")
    if kind == "openai-moderation":
        from audit.train.scorers.moderation import OPENAI, ModerationScorer

        return ModerationScorer(rest or OPENAI)
    if kind == "classifier" and rest:
        from audit.train.scorers.classifier import ClassifierScorer

        return ClassifierScorer(rest)
    if name == "presidio":
        from audit.train.scorers.presidio import PresidioScorer

        return PresidioScorer()
    if mark and all(part.isidentifier() for part in kind.split(".")) and rest.isidentifier():
        return OwnScorer(kind, rest)
    raise UsageError(f"there is no scorer {name!r}", hint=f"it is {NAMES}")


class OwnScorer:
    """A scorer of the user's own module, which is looked for in the working directory, too."""

    def __init__(self, module: str, attribute: str) -> None:
        self._named = (module, attribute)
        self._scorer = _own(module, attribute)
        given = getattr(self._scorer, "name", "")
        self.name: str = given if isinstance(given, str) and given else f"{module}:{attribute}"

    def __reduce__(self) -> tuple[object, ...]:
        return OwnScorer, self._named

    def score(self, texts: Sequence[str]) -> Sequence[Mapping[str, float]]:
        """What the user's scorer says. Raises AuditError, naming it, for whatever it raises, without its words: they
        may hold the data."""
        try:
            return list(self._scorer.score(texts))
        except (Exception, SystemExit) as error:
            raise AuditError(f"the scorer {self.name} failed: {type(error).__name__}") from error


def _own(module: str, attribute: str) -> Scorer:
    name = f"{module}:{attribute}"
    try:
        found = getattr(_imported(module), attribute)
    except ModuleNotFoundError as error:
        if error.name is not None and (module == error.name or module.startswith(f"{error.name}.")):
            raise UsageError(f"there is no module {module!r} for the scorer {name!r}", hint=f"it is {NAMES}") from None
        raise MissingExtra(f"the scorer {name!r} needs the package {error.name}") from None
    except AttributeError:
        raise UsageError(f"the module {module!r} has no {attribute!r}", hint="name the scorer that is in it") from None
    except (Exception, SystemExit) as error:
        raise UsageError(f"the scorer {name!r} cannot be imported: {type(error).__name__}") from error
    scorer = _made(name, found)
    if not callable(getattr(scorer, "score", None)):
        raise UsageError(f"{name!r} is no scorer", hint="it needs a method score(texts) that gives a mapping for each")
    return scorer  # type: ignore[return-value]


def _made(name: str, found: object) -> object:
    """The scorer, made where what was named makes one."""
    if not callable(found) or (hasattr(found, "score") and not isinstance(found, type)):
        return found
    try:
        return found()
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"the scorer {name!r} cannot be made without arguments: {type(error).__name__}",
            hint="name a scorer, or something that makes one when it is called without arguments",
        ) from error


def _imported(module: str) -> object:
    here = os.getcwd()
    if here in sys.path or "" in sys.path:
        return import_module(module)
    sys.path.insert(0, here)
    try:
        return import_module(module)
    finally:
        sys.path.remove(here)
