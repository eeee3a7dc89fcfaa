"""Where rows keep label, group, split and weight: from the tables of ``Settings`` to the ``Fields`` that rules know.

Reads no row. A configuration file was checked when it was loaded; settings from Python are checked here.
"""

from __future__ import annotations

from audit.config import sections
from audit.config.options import BY_KEY
from audit.config.settings import Settings
from audit.errors import ConfigError
from audit.model import Json
from audit.read.fields import text_of
from audit.rule import Fields


def fields_of(settings: Settings) -> Fields:
    """The fields that ``settings.sections["data"]`` names. Files that are splits leave no field for them to be in.

    Raises ConfigError for a key that is unknown, and for a value of the wrong type or that is no regular expression.
    """

    def complain(key: tuple[str, ...], what: str, hint: str | None) -> ConfigError:
        return ConfigError(f"{settings.config_file or 'sections'}: {sections.complaint(key, what)}", hint=hint)

    data = sections.known(settings.sections.get("data", {}), sections.DATA_KEYS, ("data",), complain)
    for key, value in data.items():
        if key in BY_KEY and not sections.names_a_field(key, value):
            raise complain(("data", key), "is a setting of its own", f"audit.check(..., {BY_KEY[key].field}=...)")
    sections.read_data(data, complain)
    label = data.get("label")
    given = label if isinstance(label, dict) else {"field": label}
    return Fields(
        label=given.get("field"),
        label_pattern=given.get("pattern"),
        favourable=_labels(data.get("favourable", ())),
        group=data.get("group"),
        weight=data.get("weight"),
        split=None if settings.splits else data.get("splits"),
    )


def _labels(given: Json) -> tuple[str, ...]:
    listed = given if isinstance(given, list | tuple) else [given]
    return tuple(text for item in listed if (text := text_of(item)) is not None)
