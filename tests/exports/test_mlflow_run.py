"""A run in MLflow, in a store of files, as MLflow's own client reads it back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from report.sample_record import record
from report.whole_records import WHOLE_RECORDS, many

from modelaudit.cli import main
from modelaudit.evidence.record import read_record
from modelaudit.exports.mlflow_run import _portions, log_run, mlflow_values, without_password
from modelaudit.exports.requirements import requirements_of
from modelaudit.language.errors import ResultsError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URI of an empty store; newer versions of MLflow want to be told that files are meant."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return (tmp_path / "mlruns").as_uri()


def reader(store: str) -> MlflowClient:
    """MLflow's own client, which takes seconds to import."""
    from mlflow import MlflowClient

    return MlflowClient(store)


def runs(store: str, experiment: str = "modelaudit") -> list[Run]:
    client = reader(store)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return list(client.search_runs([found.experiment_id]))


def test_the_client_reads_every_number_with_its_bounds_and_every_verdict(store: str) -> None:
    log_run(record(), [], tracking_uri=store, note="what it is")
    (run,) = runs(store)
    for one in requirements_of(record()):
        numbers = {"estimate": one.estimate, "lower": one.lower, "upper": one.upper}
        read = {name: run.data.metrics.get(f"{one.name}/{name}") for name in numbers}
        assert read == numbers
        assert run.data.tags[f"modelaudit.verdict.{one.name}"] == one.verdict
        assert run.data.params[f"{one.name}/requires"] == one.expectation
    assert run.data.tags["modelaudit.reason.survives_lighting"] == "too_few_images"
    assert run.data.tags["mlflow.note.content"] == "what it is" and run.info.status == "FINISHED"
    assert run.info.end_time - run.info.start_time == 465_000


def test_an_error_is_a_tag_and_no_metric(store: str) -> None:
    values = mlflow_values(record())
    assert values.tags["modelaudit.verdict.robust_to_dust"] == "ERROR"
    assert [key for key in values.metrics if key.startswith("robust_to_dust/")] == ["robust_to_dust/threshold"]


def test_the_same_record_is_not_logged_twice_and_another_is(store: str) -> None:
    first = log_run(record(), [], tracking_uri=store)
    again = log_run(record(), [], tracking_uri=store)
    other = log_run(record(id="20261124-000000-0000"), [], tracking_uri=store)
    assert (first.new, again.new, other.new) == (True, False, True)
    assert again.run_id == first.run_id and len(runs(store)) == 2


def test_results_are_added_to_the_run_of_the_training(store: str) -> None:
    client = reader(store)
    training = client.create_run(client.create_experiment("training"), tags={"mlflow.note.content": "ours"})
    client.log_metric(training.info.run_id, "loss", 0.1)
    logged = log_run(record(), [], tracking_uri=store, run_id=training.info.run_id, note="not this")
    assert log_run(record(), [], tracking_uri=store, run_id=training.info.run_id).new is False
    read = client.get_run(training.info.run_id)
    assert logged.run_id == read.info.run_id and read.info.status == "RUNNING"
    assert {"loss", "survives_lighting/lower"} <= set(read.data.metrics)
    assert read.data.tags["mlflow.note.content"] == "ours"


@pytest.mark.parametrize("name", ["hostile", "partial", "quick_look", "two_models"])
def test_whatever_requirements_are_called_mlflow_takes_them(name: str, store: str, tmp_path: Path) -> None:
    found = WHOLE_RECORDS[name](tmp_path)
    log_run(found, [], tracking_uri=store)
    (run,) = runs(store)
    verdicts = [value for key, value in run.data.tags.items() if key.startswith("modelaudit.verdict.")]
    assert sorted(verdicts) == sorted(one.verdict for one in requirements_of(found))


def test_names_that_mlflow_would_take_for_one_stay_two(store: str) -> None:
    base = record().cases[1]
    cases = [base.model_copy(update={"id": f"a.py::{n}", "name": name}) for n, name in enumerate(("a/b", "a:b", "a_b"))]
    log_run(record(cases=cases), [], tracking_uri=store)
    (run,) = runs(store)
    assert {"a_b/estimate", "a_b_2/estimate", "a_b_3/estimate"} <= set(run.data.metrics)


def test_many_requirements_go_in_several_requests(store: str, tmp_path: Path) -> None:
    found = many(tmp_path, 120, 2)
    log_run(found, [], tracking_uri=store)
    (run,) = runs(store)
    assert len([key for key in run.data.params if key.endswith("/requires")]) == 120
    assert [len(part) for part in _portions(list(range(250)), 100)] == [100, 100, 50]


def test_a_real_run_is_logged_with_its_report(
    audited: Path, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(audited)
    assert main(["export", "mlflow", "--tracking-uri", store, "--experiment", "line"]) == 0
    (run,) = runs(store, "line")
    assert run.info.run_id in capsys.readouterr().out
    client = reader(store)
    files = {one.path for one in client.list_artifacts(run.info.run_id, "modelaudit")}
    assert {"modelaudit/report.html", "modelaudit/run.json", "modelaudit/summary.md"} <= files
    kept = Path(client.download_artifacts(run.info.run_id, "modelaudit/run.json", str(tmp_path)))
    assert read_record(kept) == read_record(audited / "audit-results" / "latest")
    assert run.data.tags["mlflow.note.content"].startswith("## modelaudit: ")
    assert main(["export", "mlflow", "--tracking-uri", store, "--experiment", "line", "--language", "ja"]) == 0
    assert "すでにMLflowに記録されている" in capsys.readouterr().out


def test_a_redacted_run_has_no_id_of_an_image_and_no_record(
    audited: Path, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(audited)
    assert main(["export", "mlflow", "--tracking-uri", store, "--redact", "--salt", str(tmp_path / "salt")]) == 0
    (run,) = runs(store)
    client = reader(store)
    files = {one.path for one in client.list_artifacts(run.info.run_id, "modelaudit")}
    assert files == {"modelaudit/report.html", "modelaudit/summary.md"}
    page = Path(client.download_artifacts(run.info.run_id, "modelaudit/report.html", str(tmp_path))).read_text("utf-8")
    logged = page + json.dumps(run.to_dictionary())
    ids = [sample.id for table in read_record(audited / "audit-results" / "latest").tables for sample in table.samples]
    assert [one for one in ids if one in logged] == []


def test_a_store_that_cannot_be_used_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(ResultsError) as failed:
        log_run(record(), [], tracking_uri="http://me:secret@127.0.0.1:9")
    assert "MLflow at http://127.0.0.1:9" in str(failed.value) and "secret" not in str(failed.value)
    assert without_password("a https://b:c@d/e and f@g") == "a https://d/e and f@g"


def test_a_database_that_the_client_alone_cannot_open_has_a_way_out(tmp_path: Path) -> None:
    try:
        log_run(record(), [], tracking_uri=f"sqlite:///{tmp_path}/runs.db")
    except ResultsError as error:
        assert "pip install mlflow, or give the URI of a server" in str(error)
