"""What a run costs: every figure has a method, energy needs no network, and nothing runs on when it is over."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

import pytest

from audit.errors import ConfigError
from audit.evidence import installed_version
from audit.process import peak_memory
from audit.train.runs import metering
from audit.train.runs.metering import Meter, Timing, spent, write_machine
from tests.train.run_folder import MACHINE

needs_codecarbon = pytest.mark.skipif(installed_version("codecarbon") is None, reason="codecarbon is not installed")


def work() -> int:
    return sum(at * at for at in range(200_000))


def test_seconds_grow_and_stand_still_afterwards() -> None:
    with Meter(energy="off") as meter:
        work()
        first = meter.usage
        work()
    last = meter.usage
    assert 0 < first.seconds < last.seconds
    assert 0 <= first.cpu_seconds <= last.cpu_seconds
    assert meter.usage == last


def test_peak_memory_is_in_bytes_and_its_method_is_named() -> None:
    size, method = peak_memory()
    assert size is None or 10_000_000 < size < 1 << 40
    assert method


def test_energy_that_is_turned_off_is_named_as_such() -> None:
    with Meter(energy="off") as meter:
        pass
    assert (meter.usage.energy_kwh, meter.usage.energy_method) == (None, "not measured: turned off")


def test_without_codecarbon_that_is_the_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metering, "installed_version", lambda package: None)
    with Meter() as meter:
        pass
    assert meter.usage.energy_kwh is None
    assert meter.usage.energy_method == "not measured: codecarbon is not installed"


@needs_codecarbon
def test_energy_is_measured_offline_and_quietly_and_leaves_neither_file_nor_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("energy is measured without a network")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CODECARBON_OUTPUT_METHODS", "csv,api")
    monkeypatch.setenv("CODECARBON_EMISSIONS_ENDPOINT", "http://127.0.0.1:9/")
    monkeypatch.setenv("CODECARBON_CO2_SIGNAL_API_TOKEN", "a-token")
    monkeypatch.setenv("AUDIT_COUNTRY", "fra")
    monkeypatch.setattr("socket.socket.connect", refused)
    before = set(threading.enumerate())
    with Meter() as meter:
        meter.begin_energy()
        work()
        assert meter.usage.energy_kwh is None
    usage = meter.usage
    assert usage.energy_kwh is not None
    assert usage.energy_kwh >= 0
    assert usage.emissions_kg is not None
    assert usage.energy_method.startswith(f"codecarbon {installed_version('codecarbon')} offline, this process, ")
    assert usage.energy_method.endswith(", country FRA")
    assert set(threading.enumerate()) <= before
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


@needs_codecarbon
def test_without_a_country_there_is_energy_and_no_emissions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUDIT_COUNTRY", raising=False)
    with Meter() as meter:
        meter.begin_energy()
        work()
    assert meter.usage.energy_kwh is not None
    assert meter.usage.emissions_kg is None
    assert meter.usage.energy_method.endswith(", country unknown")


@needs_codecarbon
def test_what_ends_before_its_first_step_loads_no_codecarbon() -> None:
    before = sys.modules.pop("codecarbon", None)
    with Meter() as meter:
        assert threading.active_count() > 1
    assert meter.usage.energy_method == "not measured: it was over before its first step"
    assert "codecarbon" not in sys.modules
    if before is not None:
        sys.modules["codecarbon"] = before


@needs_codecarbon
def test_the_first_step_begins_the_measuring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUDIT_COUNTRY", raising=False)
    with Meter() as meter, Timing(tmp_path, meter) as timing:
        timing.lap(1)
    assert meter.usage.energy_kwh is not None


@needs_codecarbon
def test_a_country_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_COUNTRY", "Atlantis")
    with pytest.raises(ConfigError, match="AUDIT_COUNTRY is 'ATLANTIS'"), Meter():
        pass


def test_all_attempts_of_a_run_are_added_up(tmp_path: Path) -> None:
    with Meter(energy="off") as meter, Timing(tmp_path, meter) as timing:
        timing.lap(1)
        timing.lap(2)
    with (tmp_path / "timing.jsonl").open("ab") as file:
        file.write(b'{"attempt":1,"se')  # killed in the middle of a line
    with Meter(energy="off") as second, Timing(tmp_path, second) as timing:
        timing.lap(2)
        timing.ended(second.usage)
    lines = [json.loads(line) for line in (tmp_path / "timing.jsonl").read_text().splitlines()]
    assert [(line["attempt"], line["kind"]) for line in lines] == [
        (1, "began"),
        (1, "step"),
        (1, "step"),
        (2, "began"),
        (2, "step"),
        (2, "ended"),
    ]
    told = spent(tmp_path)
    assert told.attempts == 2
    assert told.seconds == pytest.approx(lines[2]["seconds"] + lines[5]["seconds"])
    assert told.energy_kwh is None


def test_the_machine_is_told_without_its_name_or_its_user(tmp_path: Path) -> None:
    write_machine(tmp_path, MACHINE, "not measured: turned off")
    told = json.loads((tmp_path / "machine.json").read_bytes())
    assert told["cpus"] == os.cpu_count()
    assert told["torch"] == "2.13.0+cpu"
    assert told["energy_method"] == "not measured: turned off"
    assert not {"node", "host", "user", "path"} & set(told)
