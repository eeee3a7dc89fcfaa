"""The arms of a re-audit: whose outputs were judged, in which role, in which order they are shown. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from audit.model import Measure, Result
from audit.model.dossier import Reaudit
from audit.reports.disparity import is_derived
from audit.reports.html.listed import table_of
from audit.reports.html.tables import Measures


class Arms:
    """The arms that measures speak of: the base first, then the one without remediation, the one to be signed, the
    others as they come, computed ones last."""

    def __init__(self, result: Result, reaudit: Reaudit) -> None:
        self.measures = Measures(result)
        self.reaudit = reaudit
        told = table_of(self.measures.first("arms.attribution"))
        self._roles = {
            role: getattr(reaudit, role) or (found if isinstance(found := told.get(role), str) else "")
            for role in ("base", "compared", "judged")
        }
        names = list(dict.fromkeys(measure.arm for measure in result.measures if measure.arm))
        place = {name: at for at, name in reversed(list(enumerate(self._roles.values()))) if name}
        self.names: tuple[str, ...] = tuple(
            sorted(names, key=lambda name: (is_derived(name), place.get(name, len(place)), names.index(name)))
        )

    @property
    def judged(self) -> str:
        """The arm that somebody is to sign; the last that was asked where nobody said."""
        asked = [name for name in self.names if not is_derived(name)]
        return self._roles["judged"] or (asked[-1] if asked else "")

    @property
    def compared(self) -> str:
        """The arm without remediation; "" for none."""
        return self._roles["compared"]

    def role(self, name: str) -> str:
        """What an arm is here, in words; "" for one without a role."""
        words = {"base": "before fine-tuning", "compared": "without remediation", "judged": "to be signed"}
        if is_derived(name):
            return "computed, never asked"
        return next((words[role] for role, arm in self._roles.items() if arm == name), "")

    def of(self, name: str, attribute: str | None = None, group: str | None = None) -> Sequence[Measure]:
        """The measures of a name, in the order of their arms; of an attribute and a group where they are given."""
        found = [
            measure
            for measure in self.measures.named(name)
            if (attribute is None or measure.attribute == attribute) and (group is None or measure.group == group)
        ]
        return sorted(found, key=lambda measure: self.place(measure.arm or ""))

    def place(self, arm: str) -> int:
        """Where an arm stands."""
        return self.names.index(arm) if arm in self.names else len(self.names)

    def attributes(self) -> list[str]:
        """The attributes that measures of arms speak of."""
        speaking = {measure.attribute for measure in self.measures if measure.arm}
        return [name for name in self.measures.attributes() if name in speaking]

    def by_arm(self, name: str, attribute: str | None = None, group: str | None = None) -> Mapping[str, Measure]:
        """The first measure of a name of every arm."""
        found: dict[str, Measure] = {}
        for measure in self.of(name, attribute, group):
            found.setdefault(measure.arm or "", measure)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)
