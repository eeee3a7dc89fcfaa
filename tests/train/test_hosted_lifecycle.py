"""A model's dates before a job: by the dated table at OpenAI, by the server's own word anywhere; refused when past."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.config.settings import Settings
from audit.errors import UsageError
from audit.train.hosted.lifecycle import Standing, is_openai_itself, shown_place, standing
from audit.train.hosted.options import HostedOptions
from audit.train.protocol.connection import Connection
from audit.train.protocol.failures import ProviderError
from tests.train.provider.process import Provider, provider

MODEL = "gpt-4o-mini-2024-07-18"
INSTEAD = "suggested in its place: gpt-6-luna"
SHUTDOWN, JOBS_END = date(2027, 1, 14), date(2027, 1, 6)


@pytest.fixture(autouse=True)
def _no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    pytest.importorskip("openai")
    with provider(tmp_path) as made:
        monkeypatch.setenv("OPENAI_API_KEY", made.key)
        monkeypatch.setenv("AZURE_OPENAI_API_KEY", made.key)
        yield made


def offline(day: date, **options: Any) -> Standing:
    return standing(HostedOptions(**{"model": MODEL} | options), Settings(as_of=day), None)


def asked(server: Provider, day: date = date(2026, 11, 22), **options: Any) -> Standing:
    told = HostedOptions(**{"model": MODEL, "base_url": server.url} | options)
    with Connection(told.provider, base_url=told.base_url, first_wait=0.01, retries=1) as connection:
        return standing(told, Settings(as_of=day), connection)


# ----------------------------------------------------------------------------- by the table


def test_a_model_with_dates_ahead_says_both_and_how_long_is_left() -> None:
    found = offline(date(2026, 11, 22))
    assert (found.state, found.shutdown, found.new_jobs_end, found.days_left) == ("closing", SHUTDOWN, JOBS_END, 45)
    assert found.replacement == "gpt-6-luna"
    assert found.notes == (
        f"{MODEL} is shut down on 2027-01-14, in 53 days, and the tuned model with it; {INSTEAD}",
        "OpenAI takes no new jobs from 2027-01-06 on, in 45 days",
        f"the provider was not asked whether it has {MODEL}",
    )
    assert "developers.openai.com" in found.source
    assert "table of 2026-11-21" in found.source


def test_dates_that_are_far_away_are_recorded_and_not_noted() -> None:
    found = offline(date(2026, 1, 1))
    assert found.days_left == 370
    assert found.notes == (f"the provider was not asked whether it has {MODEL}",)


def test_a_model_that_was_shut_down_is_refused_with_date_source_day_and_a_way_out() -> None:
    with pytest.raises(UsageError) as error:
        offline(date(2026, 11, 22), model="gpt-4.1-nano-2025-04-14")
    assert error.value.what == (
        "gpt-4.1-nano-2025-04-14 was shut down on 2026-10-23 (https://developers.openai.com/api/docs/deprecations, "
        "table of 2026-11-21; as of 2026-11-22)"
    )
    assert "--provider local" in str(error.value.hint)


def test_after_the_last_day_of_the_platform_no_model_is_taken_listed_or_not() -> None:
    for model in (MODEL, "gpt-9-of-tomorrow", "ft:gpt-4o-2024-08-06:us:colours:1"):
        with pytest.raises(UsageError, match="no new job is taken since 2027-01-06"):
            offline(JOBS_END, model=model)
        assert offline(JOBS_END - timedelta(1), model=model).days_left == 1


@given(st.dates(date(2026, 1, 1), date(2028, 1, 1)))
def test_a_day_is_refused_exactly_when_a_date_has_come(day: date) -> None:
    try:
        found = offline(day)
    except UsageError:
        assert day >= JOBS_END
    else:
        assert day < JOBS_END
        assert found.days_left == (JOBS_END - day).days


def test_without_a_day_it_is_today() -> None:
    found = standing(HostedOptions(model=MODEL, provider="azure"), Settings(), None)
    assert abs((found.as_of - datetime.now(UTC).date()).days) <= 1


def test_openais_dates_are_no_other_servers_dates() -> None:
    found = offline(date(2030, 1, 1), base_url="http://localhost:8000/v1")
    assert (found.state, found.shutdown, found.new_jobs_end) == ("unknown", None, None)
    assert found.notes[0] == (
        f"http://localhost:8000/v1 names no day on which {MODEL} is shut down; OpenAI itself shuts it down on "
        "2027-01-14"
    )


def test_of_azure_it_is_said_that_no_dates_are_known() -> None:
    found = offline(date(2030, 1, 1), provider="azure")
    assert found.state == "unknown"
    assert f"when Azure retires {MODEL} is not known here" in found.notes[0]


def test_regional_hosts_are_openai_and_names_that_only_look_so_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_it(url: str | None) -> bool:
        return is_openai_itself(HostedOptions(model=MODEL, base_url=url))

    assert is_it(None)
    assert is_it("https://eu.api.openai.com/v1")
    assert not is_it("https://api.openai.com.evil.example/v1")
    assert not is_it("https://notapi.openai.com/v1")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://user:secret@localhost:1/v1?key=1")
    assert not is_it(None)
    assert shown_place(HostedOptions(model=MODEL)) == "http://localhost:1/v1"
    assert shown_place(HostedOptions(model=MODEL, provider="azure")) == ""


# ----------------------------------------------------------------------------- by the server's word


def test_the_servers_own_date_counts_and_is_named_as_its_source(server: Provider) -> None:
    server.scenario(models={MODEL: {"shutdown_date": "2026-12-01"}})
    found = asked(server)
    assert (found.state, found.shutdown, found.days_left) == ("closing", date(2026, 12, 1), 9)
    assert found.source == f"shutdown_date of {server.url}"
    assert found.notes == (f"{MODEL} is shut down on 2026-12-01, in 9 days, and the tuned model with it",)


def test_a_model_past_the_servers_date_is_refused(server: Provider) -> None:
    server.scenario(models={MODEL: {"shutdown_date": "2026-11-22"}})
    with pytest.raises(UsageError, match=r"was shut down on 2026-11-22 \(shutdown_date of http://127"):
        asked(server)
    assert [path for method, path, _, _ in server.requests() if method != "GET"] == []


def test_a_model_that_the_server_does_not_know_is_refused(server: Provider) -> None:
    with pytest.raises(UsageError, match="does not know the model gpt-5-mine"):
        asked(server, model="gpt-5-mine")


def test_an_undated_name_ends_at_the_latest_with_the_dated_models_of_it() -> None:
    for name in ("gpt-4o-mini", "gpt-4o"):
        found = offline(date(2026, 11, 22), model=name)
        assert found.shutdown is None
        assert found.notes[0].startswith(
            f"{name} is shut down at the latest with the dated models of that name, on 2027"
        )
    assert offline(date(2026, 11, 22), model="gpt-5").notes[0].startswith("no day is known on which gpt-5")


def test_a_model_without_a_date_is_open_ended_and_that_is_said(server: Provider) -> None:
    found = asked(server, day=date(2030, 1, 1))
    assert found.state == "unknown"
    assert found.notes[0].startswith(f"{server.url} names no day")


@pytest.mark.parametrize("said", ["soon", "", 12, 1798761600, {"day": 1}, [], True], ids=str)
def test_a_date_that_is_none_stops_nothing(server: Provider, said: object) -> None:
    server.scenario(models={MODEL: {"shutdown_date": said}})
    found = asked(server)
    assert (found.state, found.shutdown) == ("unknown", None)
    assert "a shutdown_date that is no day" in found.notes[0]


def test_azure_is_asked_at_its_own_path(server: Provider) -> None:
    server.scenario(models={MODEL: {"shutdown_date": "2027-03-01"}})
    found = asked(server, provider="azure", base_url=f"{server.azure_url}/v1")
    assert found.shutdown == date(2027, 3, 1)


def test_what_passes_by_itself_is_asked_again_and_a_wrong_key_is_not(
    server: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.fault(match="GET /models/*", do="status", status=500)
    assert asked(server).state == "unknown"
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong")
    with pytest.raises(ProviderError) as error:
        asked(server)
    assert error.value.kind == "key"


def test_a_server_without_a_list_of_models_is_trusted_to_refuse_the_job(server: Provider) -> None:
    server.fault(match="GET /models/*", do="status", status=404, body={"detail": "Not Found"})
    assert asked(server).notes[0] == f"{server.url} does not say whether it has {MODEL}"
