"""Detectors of the numbers of a patient: records, plans, accounts, licences, vehicles, devices and the like.

45 CFR 164.514(b)(2)(i)(E), (H)-(M), (P)-(R). A number is known by the label before it, in English, German, French and
Spanish, and by a checksum where it has one. Labels that are common outside of medicine need medical words in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from audit.identifiers.detection import Detector, labelled
from audit.identifiers.registered import MBI_PATTERN, is_dea, is_gtin, is_mbi, is_npi, is_vin

_NUMBER: Final = r"[ _-]?(?:numbers?\b|num\b|no\b\.?|nr\b\.?|n[º°.]|№|id\b|identifier\b|#)"
_CODE: Final = (
    r"(?P<v>(?<![0-9A-Za-z])(?:[0-9]{2,4}(?: [0-9]{2,4}){1,4}(?![0-9A-Za-z])"
    r"|[A-Z]{1,3}[0-9]{3,5}(?: [0-9]{3,5}){1,3}(?![0-9A-Za-z])"
    r"|[A-Z]{1,4} [0-9]{3}(?: [0-9]{2,4}){1,3}(?![0-9A-Za-z])|(?=[A-Za-z/._-]{0,8}[0-9])[A-Za-z0-9](?:[A-Za-z0-9]"
    r"|[-/._](?=[A-Za-z0-9])){3,29}))"
)
_PLATE: Final = r"(?P<v>[A-ZÄÖÜ0-9]{1,4}(?:[ ·-]{1,2}[A-Z0-9]{1,4}){1,2}|[A-Z0-9]{4,8})(?![A-Za-z0-9])"
_FAX: Final = r"(?P<v>\+?\(?[0-9][0-9() ./-]{5,18}[0-9])(?![0-9])"
_LEAST_DIGITS: Final = 3
_PLATE_DIGITS: Final = 6


def has_digits(value: str) -> bool | None:
    """True for a value with three digits or more that is no date or year alone, else None."""
    digits = sum(character.isdigit() for character in value)
    if digits < _LEAST_DIGITS or re.fullmatch(r"(?:19|20)[0-9]{2}(?:[-/.][0-9]{1,2}){2}|(?:19|20)[0-9]{2}", value):
        return None
    return True


def is_plate(value: str) -> bool | None:
    """True for letters and digits together, or six digits, else None."""
    digits = sum(character.isdigit() for character in value)
    return True if digits >= _PLATE_DIGITS or (digits and any(map(str.isalpha, value))) else None


def _sure_if(holds: Callable[[str], bool]) -> Callable[[str], bool | None]:
    """A check that keeps every value and is sure of those that hold."""
    return lambda value: holds(re.sub(r"[\s-]", "", value))


def _is_lone_vin(value: str) -> bool | None:
    """True for a vehicle number known by its check digit alone: letters among its characters, and not of one kind."""
    return True if is_vin(value) and not value.isdigit() and any(map(str.isdigit, value)) else None


def _is_device(value: str) -> bool | None:
    """True for a GS1 element string whose GTIN holds, else None: ``(01)`` and fourteen digits."""
    return True if is_gtin(value[4:18]) else None


_RECORD: Final = (
    rf"(?:\b|_)mrn(?:\b|_)|\bmedical[ _-]?record(?:{_NUMBER})?|\b(?:health|hospital|patient)[ _-]record{_NUMBER}"
    rf"|\bchart{_NUMBER}|\bhospital{_NUMBER}|krankenakte(?:n?nummer)?\b|aufnahmenummer|num[ée]ro de dossier"
    r"|\bn[º°] ?(?:de )?dossier|\bdossier (?:m[ée]dical|patient)\b|\bipp\b"
    r"|(?:n[úu]mero|n[º°.]) (?:de )?historia(?: cl[íi]nica)?|historia cl[íi]nica(?: n[º°.])?|\bnhc\b"
    r"|prontu[áa]rio(?: m[ée]dico)?\b|cartella clinica\b|dossiernummer|истори[яи] болезни|номер карты"
    r"|病历号|病案号|住院号|门诊号|診察券番号|カルテ番号"
)
_PLAN: Final = (
    rf"\b(?:health[ _-]?plan|health insurance|insurance(?: policy| member| card)?|medicaid|medicare|hicn|subscriber"
    rf"|beneficiary|payer|member insurance)(?:[ _-]?(?:beneficiary|policy|member))?{_NUMBER}"
    r"|(?:kranken)?versicherten-?(?:nummer|nr\b)|krankenversicherungs-?(?:nummer|nr\b)|krankenversichertennummer"
    r"|\bkvnr\b"
    r"|num[ée]ro d.(?:assur[ée]|adh[ée]rent)|num[ée]ro de (?:mutuelle|carte vitale)"
    r"|n[úu]mero de (?:afiliado|asegurado|p[óo]liza|tarjeta sanitaria)"
)
_PLAN_WEAK: Final = rf"\b(?:member|policy|group|enrollee|plan){_NUMBER}|versicherungs-?(?:nummer|nr\b)"
_ACCOUNT: Final = (
    rf"\b(?:account|acct\.?|a/c|billing account|bank account){_NUMBER}|\bacct:|kontonummer|\bkonto-?nr\b"
    r"|num[ée]ro de compte|n[úu]mero de cuenta|\bcuenta n[º°.]"
)
_LICENCE: Final = (
    rf"\bdriv(?:er|ing)(?:'?s|’s)?[ _-]lic(?:en[cs]e|\.)?(?:{_NUMBER})?|\bdl ?#|\bf[üu]hrerschein(?:nummer|-?nr\b)?"
    r"|permis de conduire|(?:permiso|carn[ée]|licencia) de conducir"
)
_CERTIFICATE: Final = (
    rf"\b(?:licen[cs]e|certificate|certification){_NUMBER}|approbationsnummer|\barztnummer|\blanr\b"
    r"|n[úu]mero de colegiado|num[ée]ro rpps|\brpps\b"
)
_PLATE_LABEL: Final = (
    r"\b(?:licen[cs]e|number|registration|vehicle)[ _-]plate(?:s|[ _-]?(?:number|no\.?|#))?"
    r"|\bplate[ _-]?(?:number|no\b\.?|#)|\bkfz-?kennzeichen|amtliches kennzeichen|plaque d.immatriculation"
    r"|\bimmatricul[ée]|placa de matr[íi]cula"
    r"|matr[íi]cula del (?:coche|veh[íi]culo)"
)
_VIN: Final = (
    rf"(?:\b|_)vin(?:{_NUMBER})?(?:\b|_)|vehicle identification(?:{_NUMBER})?|fahrgestellnummer"
    r"|fahrzeug-?identifizierungsnummer|num[ée]ro de ch[âa]ssis|n[úu]mero de bastidor"
)
_DEVICE: Final = (
    rf"\b(?:serial|device|implant|lead|generator|pump|model serial|device serial){_NUMBER}|\bs/n\b|\bsn:"
    r"|\bsn[ #]|\budi(?:-[dp]i)?\b|\bgtin\b|\blot ?(?:no|number|#)|seriennummer|ger[äa]tenummer|num[ée]ro de s[ée]rie"
    r"|n[úu]mero de serie"
)
_PATIENT_NUMBER: Final = (
    rf"\b(?:patient|pt|participant|trial subject|study subject|donor|enrollee|resident){_NUMBER}|\bpatient ?:?#"
    r"|patienten-?(?:nummer|nr\b|id\b)|\bfallnummer|num[ée]ro (?:de |du )?patient|n[úu]mero de paciente"
    r"|n[úu]mero do paciente|numero (?:del )?paziente|codice paziente|pati[ëe]nt(?:en)?-?nummer|номер пациента"
    r"|患者番号|患者编号"
)
_CASE: Final = (
    rf"\b(?:case|accession|subject|encounter|visit|specimen|sample|claim|prescription|study|trial|referral|requisition"
    rf"|authori[sz]ation|admission|record|incident){_NUMBER}|\brx ?#|aktenzeichen|num[ée]ro de s[ée]jour"
    r"|n[úu]mero de (?:episodio|caso)"
)
_BIOMETRIC: Final = (
    r"\b(?:biometrics?|finger[ _-]?prints?|voice[ _-]?prints?|palm[ _-]?prints?|retinal?(?:[ _-]scan)?"
    r"|iris(?:[ _-]scan)?|face[ _-]?print|facial|face|speaker|gait)[ _-]?(?:template|hash|embedding|code|id\b"
    r"|identifier|minutiae|vector"
    r"|scan id|signature|data|features?)(?:[ _-]?(?:hash|id\b|code|vector|vectors))?"
)
_BIOMETRIC_PLAIN: Final = r"\b(?:finger[ _-]?prints?|voice[ _-]?prints?|retinal? scans?|iris scans?)\b"
_BIOMETRIC_VALUE: Final = (
    r"(?P<v>\[\s?-?[0-9.]{1,20}(?:e-?[0-9]{1,3})?(?:\s?,\s?-?[0-9.]{1,20}(?:e-?[0-9]{1,3})?){2,4096}\s?\]?"
    r"|(?=[A-Za-z+/_:-]{0,24}[0-9])[A-Za-z0-9][A-Za-z0-9+/=_:-]{5,4096})"
)
_PRINT: Final = r"\b(?:finger|voice|palm|face)[ -]?prints?\b|\b(?:iris|retinal?) scans?\b"
_KEPT: Final = r"(?i:stored|on file|enrolled|captured|recorded|saved|taken|collected|kept|registered)\b"
_FACE_FILE: Final = (
    r"(?:[\w%./:~-]{0,120}[/_.-])?(?:full[_-]?face|face|headshot|mugshot|selfie|portrait|patient[_-]?(?:photo|pic"
    r"|picture|image)"
    r"|profile[_-]?(?:photo|pic|picture))(?:[_-][\w-]{0,60}|[0-9]{0,8})\.(?:jpe?g|png|heic|webp|gif|tiff?|bmp)\b"
)
_FACE_GATE: Final = r"(?i)\.(?:jpe?g|png|heic|webp|gif|tiff?|bmp)\b"
_PHOTO_LABEL: Final = (
    r"\b(?:full[ -]?face|patient|facial|identification)[ _-](?:photo(?:graph)?|picture|image)s?"
    r"|\bphoto(?:graph)? of (?:the )?patient(?:'?s face)?|\bheadshot|\bpatientenfoto|\bfoto del paciente"
    r"|\bphoto du patient"
)
_IMAGE_FILE: Final = (
    r"(?P<v>[\w%./:~-]{1,200}\.(?i:jpe?g|png|heic|webp|gif|tiff?|bmp)\b|data:image/[\w+;,/=-]{10,4096})"
)

PATIENT_NUMBERS: Final = (
    labelled(
        "fax",
        r"\b(?:tele)?fax(?:nummer)?\b|t[ée]l[ée]copie(?:ur)?\b",
        _FAX,
        between=rf"(?:{_NUMBER})?",
        context="patient",
    ),
    labelled("medical_record_number", _RECORD, _CODE, between=rf"(?:{_NUMBER})?", check=has_digits),
    Detector(
        "health_plan_number",
        rf"(?i)\b{MBI_PATTERN}\b",
        rf"(?<![\w-])(?P<v>{MBI_PATTERN})(?![\w-])",
        "none",
        False,
        lambda value: is_mbi(value) and "-" in value,
    ),
    labelled("health_plan_number", _PLAN, _CODE, check=has_digits),
    labelled("health_plan_number", _PLAN_WEAK, _CODE, context="care", check=has_digits),
    labelled("account_number", _ACCOUNT, _CODE, check=has_digits),
    labelled(
        "npi",
        r"\bnpi\b|national provider identifier",
        r"(?P<v>[0-9]{10})(?![0-9])",
        between=rf"(?:{_NUMBER})?",
        check=_sure_if(is_npi),
    ),
    labelled(
        "dea_number",
        r"\bdea\b",
        r"(?P<v>[A-Za-z][A-Za-z9][0-9]{7})(?![0-9])",
        between=rf"(?:[ _-]?registration)?(?:{_NUMBER})?",
        check=_sure_if(is_dea),
    ),
    labelled("driver_license", _LICENCE, _CODE, between=rf"(?:{_NUMBER})?", check=has_digits),
    labelled("certificate_number", _CERTIFICATE, _CODE, context="care", check=has_digits),
    labelled(
        "vehicle_identification_number",
        _VIN,
        r"(?P<v>[A-HJ-NPR-Za-hj-npr-z0-9]{17})(?![A-Za-z0-9])",
        check=_sure_if(is_vin),
    ),
    Detector(
        "vehicle_identification_number",
        r"\b[A-HJ-NPR-Z0-9]{17}\b",
        r"\b(?P<v>[A-HJ-NPR-Z0-9]{17})\b",
        "none",
        True,
        _is_lone_vin,
    ),
    labelled("license_plate", _PLATE_LABEL, _PLATE, check=is_plate),
    Detector(
        "device_identifier",
        r"\(01\)[0-9]{14}",
        r"(?P<v>\(01\)[0-9]{14}(?:\([0-9]{2}\)[\w-]{1,20}){0,4})",
        "care",
        False,
        _is_device,
    ),
    labelled("device_identifier", _DEVICE, _CODE, context="care", check=has_digits),
    labelled("patient_number", _PATIENT_NUMBER, _CODE, check=has_digits),
    Detector(
        "patient_number",
        r"(?i)\b(?:patient|subject|participant) [0-9]{2,4}-[0-9]",
        r"(?i:patient|subject|participant) (?P<v>[0-9]{2,4}-[0-9]{2,6})(?![0-9-])",
        "care",
        at_gate=True,
    ),
    labelled("account_number", r"\baccount\b", _CODE, check=has_digits)._replace(strict_only=True),
    labelled("health_plan_number", r"\bpolicy\b", _CODE, check=has_digits)._replace(strict_only=True),
    labelled("license_plate", r"\bplates?\b", _PLATE, check=is_plate)._replace(strict_only=True),
    labelled(
        "ssn",
        r"\bssn\b|social security(?: number)?",
        r"(?P<v>[0-9]{4})(?![0-9-])",
        between=r"(?: (?:ending|ends)(?: in| with)?|,? last (?:four|4)(?: digits)?(?: of)?)?",
    )._replace(strict_only=True),
    Detector(
        "biometric_identifier",
        rf"(?i){_PRINT}",
        rf"(?P<v>(?i:{_PRINT}))(?:,?\s[\w-]{{1,20}}){{0,5}}?\s{_KEPT}",
        "none",
        True,
    ),
    labelled("case_number", _CASE, _CODE, context="care", check=has_digits),
    labelled("biometric_identifier", _BIOMETRIC, _BIOMETRIC_VALUE, context="patient"),
    labelled("biometric_identifier", _BIOMETRIC_PLAIN, _BIOMETRIC_VALUE, context="patient"),
    Detector("face_photo", _FACE_GATE, rf"(?<![\w%./:~-])(?P<v>(?i:{_FACE_FILE}))", "patient"),
    labelled("face_photo", _PHOTO_LABEL, _IMAGE_FILE, context="patient"),
)
"""What finds the numbers, and pictures and prints by their names."""
