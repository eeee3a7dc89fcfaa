"""What a run costs: seconds, CPU seconds, peak memory, energy, and by which method each was measured.

Everything here depends on a clock or on the machine. It is written to ``timing.jsonl`` and ``machine.json`` and to no
other file of a run. Energy is read from codecarbon where that is installed, without a network.
"""

from __future__ import annotations

import importlib
import logging
import os
import platform
import threading
import time
from pathlib import Path
from typing import Any, Final, Literal, Self

import msgspec

from audit.errors import ConfigError
from audit.evidence import installed_version
from audit.model import Json
from audit.process import peak_memory
from audit.train.runs.chain import canonical
from audit.train.runs.identity import Machine, ResumeRefused
from audit.train.runs.log import MetricsLog, lines_of, read_lines
from audit.train.runs.report import Spent
from audit.writing import write_whole

COUNTRY: Final = "AUDIT_COUNTRY"
"""The environment variable that names the country whose electricity is used: ISO 3166, three letters."""
EVERY: Final = 15.0
"""Seconds between two readings of power: codecarbon's own default; a reading takes about 3 ms."""
TIMING: Final = "timing.jsonl"
MACHINE: Final = "machine.json"
_BEGAN: Final = "began"
_STEP: Final = "step"
_ENDED: Final = "ended"


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What was used since the meter began: seconds of the clock, CPU seconds of the process and its children that have
    ended, the most memory that the process ever held, energy and emissions (None: not measured), and the methods.
    """

    seconds: float
    cpu_seconds: float
    peak_memory_bytes: int | None
    peak_memory_method: str
    peak_device_bytes: int | None = None
    energy_kwh: float | None = None
    emissions_kg: float | None = None
    energy_method: str = "not measured"


# ----------------------------------------------------------------------------- energy


class _Energy:
    """codecarbon's offline tracker with nothing but its figures: no file, no network, no line on the terminal.

    It takes seconds to be loaded and to look at the hardware, and does so beside the run, from the first step on or
    after ``EVERY`` seconds, whichever comes first: what was used before it is ready is not counted.
    """

    def __init__(self, mode: Literal["auto", "off"]) -> None:
        self._tracker: Any = None
        self._starting: threading.Thread | None = None
        self._wanted = threading.Event()
        self._over = False
        self.kwh: float | None = None
        self.emissions_kg: float | None = None
        if mode == "off":
            self.method = "not measured: turned off"
        elif installed_version("codecarbon") is None:
            self.method = "not measured: codecarbon is not installed"
        else:
            self._country = os.environ.get(COUNTRY, "").strip().upper()
            _known(self._country)
            self.method = self._named()
            self._starting = threading.Thread(target=self._start, name="energy", daemon=True)
            self._starting.start()

    def begin(self) -> None:
        """Wait no longer."""
        self._wanted.set()

    def _start(self) -> None:
        self._wanted.wait(EVERY)
        if self._over:
            return
        country = self._country
        module = importlib.import_module("codecarbon")
        # Importing it sets its logger to INFO; what it says of the hardware is said by ``method``.
        logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
        where: dict[str, Json] = {"country_iso_code": country} if country else {"force_carbon_intensity_g_co2e_kwh": 0}
        # What is given here goes before the user's codecarbon settings, which could name files, addresses and keys.
        tracker = module.OfflineEmissionsTracker(
            measure_power_secs=EVERY,
            output_methods=[],
            output_handlers=[],
            emissions_endpoint=False,
            electricitymaps_api_token="",
            api_call_interval=-1,
            allow_multiple_runs=True,
            tracking_mode="process",
            log_level="critical",
            **where,
        )
        sampler = getattr(tracker, "_scheduler_monitor_power", None)
        if sampler is not None:  # it samples every second otherwise
            sampler.interval = EVERY
        tracker.start()
        self._tracker = tracker

    def _named(self, *hardware: str) -> str:
        parts = (f"codecarbon {installed_version('codecarbon')} offline", "this process", *hardware)
        return ", ".join((*parts, f"country {self._country or 'unknown'}"))

    def stop(self) -> None:
        """Take the last reading and end the tracker's threads; once."""
        if self._starting is None:
            return
        self._over = not self._wanted.is_set()
        self._wanted.set()
        self._starting.join()
        tracker, self._starting = self._tracker, None
        if tracker is None and self._over:
            self.method = "not measured: it was over before its first step"
            return
        emissions = tracker.stop() if tracker is not None else None
        told = getattr(tracker, "final_emissions_data", None)
        if told is None:  # codecarbon passes over its own errors
            self.method = f"not measured: codecarbon {installed_version('codecarbon')} gave no figures"
            return
        self.method = self._named(*(getattr(tracker, "_conf", {}).get("hardware") or ("hardware unknown",)))
        self.kwh = float(told.energy_consumed)
        self.emissions_kg = float(emissions) if self._country and emissions is not None else None


def _known(country: str) -> None:
    """Raise ConfigError for a country that codecarbon has no figures of: it would take the mean of the world."""
    if not country:
        return
    mix = importlib.import_module("codecarbon.input").DataSource().get_global_energy_mix_data()
    if country not in mix:
        raise ConfigError(f"{COUNTRY} is {country!r}, which is no country's three letters", hint=f"{COUNTRY}=DEU")


# ----------------------------------------------------------------------------- the meter


class Meter:
    """Measures from when it is entered to when it is left; ``usage`` at any time, with energy only afterwards."""

    def __init__(self, *, energy: Literal["auto", "off"] = "auto", device: str = "cpu") -> None:
        self._mode: Literal["auto", "off"] = energy
        self._device = device
        self._ended: Usage | None = None

    def __enter__(self) -> Self:
        self._energy = _Energy(self._mode)
        if self._device.startswith("cuda"):
            _cuda().reset_peak_memory_stats(self._device)
        self._began, self._cpu = time.perf_counter(), _cpu_seconds()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def begin_energy(self) -> None:
        """Measure energy from now on, where that has not begun: the run is past its start-up."""
        self._energy.begin()

    def stop(self) -> Usage:
        """End the measuring, where it has not ended yet, and say what was used."""
        if self._ended is None:
            self._energy.stop()
            self._ended = self._read()
        return self._ended

    @property
    def usage(self) -> Usage:
        """What was used so far, or in all once the meter was left."""
        return self._ended or self._read()

    @property
    def seconds(self) -> float:
        """Seconds of the clock so far."""
        return time.perf_counter() - self._began

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds so far."""
        return _cpu_seconds() - self._cpu

    def _read(self) -> Usage:
        peak, method = peak_memory()
        on_cuda = self._device.startswith("cuda")
        return Usage(
            seconds=self.seconds,
            cpu_seconds=self.cpu_seconds,
            peak_memory_bytes=peak,
            peak_memory_method=method,
            peak_device_bytes=int(_cuda().max_memory_allocated(self._device)) if on_cuda else None,
            energy_kwh=self._energy.kwh,
            emissions_kg=self._energy.emissions_kg,
            energy_method=self._energy.method,
        )


def _cpu_seconds() -> float:
    told = os.times()
    return told.user + told.system + told.children_user + told.children_system


def _cuda() -> Any:
    import torch

    return torch.cuda


# ----------------------------------------------------------------------------- what is written


class Timing:
    """``timing.jsonl`` of a run: for every attempt when each step was done and, at its end, what it used.

    Lines of an interrupted attempt stay: the time was spent. A context manager; closing it writes no end, so that an
    attempt that failed has none.
    """

    def __init__(self, folder: Path, meter: Meter) -> None:
        """Raises OutputError where the file cannot be written."""
        path = folder / TIMING
        _end_torn_line(path)
        self._meter = meter
        self._log = MetricsLog(path)
        self._attempt = 1 + sum(line.get("kind") == _BEGAN for line in read_lines(path))
        self._log.append(_BEGAN, {"attempt": self._attempt})

    def lap(self, step: int) -> None:
        """A step is done, ``seconds`` after the attempt began."""
        self._meter.begin_energy()
        told = {"step": step, "seconds": self._meter.seconds, "cpu_seconds": self._meter.cpu_seconds}
        self._log.append(_STEP, {"attempt": self._attempt, **told})

    def ended(self, usage: Usage) -> None:
        """The attempt is over, and this is what it used."""
        self._log.append(_ENDED, {"attempt": self._attempt, **msgspec.to_builtins(usage)})

    def close(self) -> None:
        """Close the file."""
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Line(msgspec.Struct):
    """What every line of ``timing.jsonl`` holds."""

    kind: Literal["began", "step", "ended"]
    attempt: int
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    energy_kwh: float | None = None


def check_timing(folder: Path) -> None:
    """Raise ResumeRefused naming the first line of ``timing.jsonl`` that is not as an attempt wrote it."""
    for number, line in enumerate(lines_of(folder / TIMING), start=1):
        try:
            msgspec.convert(line, _Line)
        except msgspec.ValidationError as error:
            raise ResumeRefused(
                f"{TIMING} line {number} was changed: {error}", hint="restore the file from a copy, or take it away"
            ) from None


def spent(folder: Path) -> Spent:
    """What all attempts of a run took together, from ``timing.jsonl``: interrupted ones up to their last step. The
    energy is None where an attempt was not measured to its end."""
    lines = read_lines(folder / TIMING)
    last = {int(line["attempt"]): line for line in lines}
    energy = [line.get("energy_kwh") for line in last.values()]
    ended = next((line for line in reversed(lines) if line["kind"] == "ended"), {})
    return Spent(
        attempts=len(last),
        seconds=sum(float(line.get("seconds", 0.0)) for line in last.values()),
        cpu_seconds=sum(float(line.get("cpu_seconds", 0.0)) for line in last.values()),
        peak_memory_bytes=ended.get("peak_memory_bytes"),
        energy_kwh=sum(float(one) for one in energy if one is not None) if None not in energy else None,
        energy_method=ended.get("energy_method", ""),
    )


def write_machine(folder: Path, machine: Machine, energy_method: str) -> None:
    """Write ``machine.json``: the system, its processor and memory, torch, and how energy is measured. No name of the
    machine or its user, no folder. Raises OutputError.
    """
    told = {
        "schema": "audit.machine/1",
        "system": platform.system(),
        "release": platform.release(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "memory_bytes": _memory(),
        "energy_method": energy_method,
        **msgspec.to_builtins(machine),
    }
    write_whole(folder / MACHINE, [canonical(told)])


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _end_torn_line(path: Path) -> None:
    """Cut what a crash left of a line behind the last line feed."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)
