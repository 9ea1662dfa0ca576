"""A server that slows down, drops, lies or refuses: right values, or an error that says what came and what to do."""

from __future__ import annotations

import gzip
import io
import json
import logging
import sys
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from models.box_server import Box, Handler, Misbehaviour, colours, serving
from torch import Tensor

from modelaudit.language.errors import ModelError
from modelaudit.models import LoadedModel, check_repeatable, frozen_on, open_model, remote
from modelaudit.models.http.answer_path import AnswerPath
from modelaudit.models.http.answer_scores import scores_of
from modelaudit.models.http.cassette import Cassette
from modelaudit.models.http.remote_file import AnswerFields, RemoteFields, json_schema, read_remote_file
from modelaudit.models.http.request_body import filled_body, sent_images

SECRET = "s3cr3t-of-the-box"
SIDE = 12
BATCHED = """
request: {instances: "{images}"}
item: {id: "{number}", image: "{image}"}
answer: {scores: "predictions[*].scores"}
batch: 4
"""
QUICK = "retries: {most: 3, first_wait: 0.01, longest_wait: 2}\ntimeout: {connect: 1, read: 0.3, whole: 1}\n"


@pytest.fixture
def box() -> Iterator[Box]:
    with serving(Box()) as found:
        yield found


def written(folder: Path, box: Box, more: str = "", name: str = "box.yaml") -> Path:
    """The settings of a box; `more`: in place of the defaults."""
    file = folder / name
    file.write_text(f"url: {box.url}\npreprocessing: {{resize: [12, 12]}}\n{QUICK}{more}", encoding="utf-8")
    return file


def opened(file: Path) -> LoadedModel:
    return open_model(f"remote:{file.name}", root=file.parent)


def images(count: int = 6) -> Tensor:
    """Pixels that are k / 255, so that a PNG holds them exactly."""
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (count, 3, SIDE, SIDE), generator=generator) / 255


def wanted(pixels: Tensor) -> Tensor:
    return torch.tensor([colours(image.permute(1, 2, 0).double().numpy()) for image in pixels])


def scored(loaded: LoadedModel, pixels: Tensor) -> Tensor:
    with frozen_on(loaded, "cpu") as model:
        return model(pixels)


def state(number: int, content: bytes = b"{}", **headers: str) -> Misbehaviour:
    return lambda handler, asked: handler.send(number, content, **headers)


def drop(handler: Handler, asked: Any) -> None:
    handler.close_connection = True
    handler.connection.close()


def slow(handler: Handler, asked: Any) -> None:
    time.sleep(0.6)
    handler.close_connection = True


def drip(handler: Handler, asked: Any) -> None:
    """A byte now and then, so that there is never silence."""
    handler.send(200, b"", length=1000)
    for _ in range(20):
        time.sleep(0.1)
        handler.wfile.write(b" ")
        handler.wfile.flush()


def short(handler: Handler, asked: Any) -> None:
    """Says that more comes than comes."""
    handler.send(200, b'{"scores": [1', length=500)
    handler.close_connection = True


def answer(value: Any) -> Misbehaviour:
    return lambda handler, asked: handler.send(200, json.dumps(value).encode())


@pytest.mark.parametrize("format", ["image: png", "image: npy", "image: float32"])
@pytest.mark.parametrize("batched", ["", BATCHED])
def test_scores_are_those_of_the_model_behind_the_address(tmp_path: Path, box: Box, format: str, batched: str) -> None:
    loaded = opened(written(tmp_path, box, f"{format}\n{batched}"))
    torch.testing.assert_close(scored(loaded, images()), wanted(images()))
    assert loaded.outputs == 2 and not loaded.differentiable and set(box.images.values()) == {1}
    assert max(box.sizes) == (4 if batched else 1)


@pytest.mark.parametrize(
    "does",
    [
        *(state(500), state(503, Retry_After="0"), state(429), state(429, Retry_After="1"), drop, slow, drip, short),
        state(429, Retry_After=format_datetime(datetime.now(UTC) - timedelta(seconds=5))),
    ],
)
def test_what_passes_is_asked_again_and_the_values_are_right(tmp_path: Path, box: Box, does: Misbehaviour) -> None:
    loaded = opened(written(tmp_path, box, BATCHED))
    box.script = [does, does]
    torch.testing.assert_close(scored(loaded, images()), wanted(images()))


def test_the_server_says_how_long_to_wait(tmp_path: Path, box: Box) -> None:
    loaded = opened(written(tmp_path, box))
    box.script, began = [state(429, Retry_After="1")], len(box.times)
    scored(loaded, images(1))
    assert box.times[began + 1] - box.times[began] >= 1


@pytest.mark.parametrize(
    ("does", "said"),
    [
        (state(500, b"out of memory"), "state 500: out of memory; sent 4 times"),
        (slow, r"nothing came for 0.3 s \(timeout.read\); sent 4 times"),
        (drip, r"took more than 1 s \(timeout.whole\)"),
        (drop, "no answer"),
        (short, "the answer ended before its end"),
        (state(429, Retry_After="900"), r"asks to wait 900 s \(Retry-After\), longer than retries.longest_wait"),
        (state(401, b"who are you"), "state 401: who are you; check the secret"),
        (state(404, b"<html>no such page"), "state 404: <html>no such page; check url"),
        (state(307, Location="https://elsewhere.example/p?token=1"), "redirects to 'https://elsewhere.example/p'"),
        (
            state(200, b"<html>log in</html>", Content_Type="text/html"),
            "text/html, 19 bytes: <html>log in",
        ),
        (state(200, b'{"scores": [1.0, 2'), "not valid JSON"),
        (state(200, b'{"scores": [NaN, 1.0]}'), "NaN"),
        (state(200, b'{"scores": [1e999, 1.0]}'), "finite"),
        (state(200, b'{"scores": [1e300, 1.0]}'), "finite"),
        (answer({"scores": ["0.9", "0.1"]}), r"a score is text \('0.9'\)"),
        (answer({"scores": [None, 1.0]}), "a score is null"),
        (answer({"scores": [True, 1.0]}), "a score is true or false"),
        (answer({"scores": [1.0, 2.0, 3.0]}), "got 3 scores instead of 2"),
        (answer({"scores": []}), "is an empty list"),
        (answer({"score": [1.0, 2.0]}), "the answer has no 'scores'; did you mean 'score'"),
        (answer([1.0, 2.0]), "the answer is a list"),
        (answer({"scores": [[1.0, 2.0], [1.0, 2.0]]}), "1 images were sent, and 'scores' has 2 answers"),
        (answer({"scores": {"a": 1.0, "b": 2.0}}), "the scores are named"),
        (state(200, b" " * 20_000_000), "more than 16000000 bytes"),
    ],
)
def test_what_stays_wrong_is_an_error_that_names_address_and_finding(
    tmp_path: Path, box: Box, does: Misbehaviour, said: str
) -> None:
    loaded = opened(written(tmp_path, box))
    box.script = [does] * 8
    with pytest.raises(ModelError, match=said) as raised:
        scored(loaded, images(1))
    assert box.url in str(raised.value)
    box.script = []
    torch.testing.assert_close(scored(loaded, images(2)), wanted(images(2)))


def test_an_answer_that_says_it_is_shorter_than_it_is_is_not_read_further(tmp_path: Path, box: Box) -> None:
    loaded = opened(written(tmp_path, box))
    box.script = [lambda handler, asked: handler.send(200, json.dumps({"scores": [1.0, 2.0]}).encode(), length=10)]
    with pytest.raises(ModelError, match="not valid JSON"):
        scored(loaded, images(1))


def test_a_compressed_answer_is_read_and_one_that_expands_without_end_is_not(tmp_path: Path, box: Box) -> None:
    loaded = opened(written(tmp_path, box, "largest_answer: 100000\n"))
    packed = gzip.compress(json.dumps({"scores": [1.0, 2.0]}).encode())
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < 100_000
    box.script = [state(200, bomb, Content_Encoding="gzip"), state(200, packed, Content_Encoding="gzip")]
    with pytest.raises(ModelError, match="more than 100000 bytes"):
        scored(loaded, images(1))
    assert scored(loaded, images(1)).tolist() == [[1.0, 2.0]]


def test_a_missing_library_is_named_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "urllib3", None)
    (tmp_path / "box.yaml").write_text("url: http://127.0.0.1:9/x\npreprocessing: {resize: [12, 12]}\n")
    with pytest.raises(ModelError, match=r"pip install 'pytest-modelaudit\[remote\]'"):
        opened(tmp_path / "box.yaml")


def test_images_are_sent_nowhere_else(tmp_path: Path, box: Box) -> None:
    loaded = opened(written(tmp_path, box))
    with serving(Box()) as other:
        for number in (301, 302, 307, 308):
            box.script = [state(number, Location=other.url)]
            with pytest.raises(ModelError, match=f"redirects to '{other.url}'"):
                scored(loaded, images(1))
        assert not other.sizes


@pytest.mark.parametrize("rows", [1, 3, 5])
def test_another_number_of_answers_is_an_error(tmp_path: Path, box: Box, rows: int) -> None:
    loaded = opened(written(tmp_path, box, BATCHED))
    box.script = [answer({"predictions": [{"scores": [1.0, 2.0]}] * rows})]
    with pytest.raises(ModelError, match=f"4 images were sent, and .* has {rows} answers"):
        scored(loaded, images(4))


def shuffled(handler: Handler, asked: Any) -> None:
    made = handler.box.answer(asked)
    handler.send(200, json.dumps({"predictions": made["predictions"][::-1]}).encode())


def test_answers_in_another_order_are_put_right_by_the_numbers_that_come_back(tmp_path: Path, box: Box) -> None:
    more = BATCHED.replace("answer: {", 'answer: {ids: "predictions[*].id", ')
    loaded = opened(written(tmp_path, box, more))
    box.script = [shuffled, shuffled]
    torch.testing.assert_close(scored(loaded, images()), wanted(images()))
    box.script = [answer({"predictions": [{"id": 0, "scores": [1, 2]}] * 2})]
    with pytest.raises(ModelError, match="each must come once"):
        scored(loaded, 1 - images(2))


def test_no_image_is_asked_twice_and_the_cassette_is_enough(tmp_path: Path, box: Box) -> None:
    file = written(tmp_path, box, BATCHED)
    loaded = opened(file)
    first = scored(loaded, torch.cat([images(), images()]))
    assert torch.equal(first[:6], first[6:]) and set(box.images.values()) == {1}
    again = open_model(f"remote:{file.name}?cassette=replay", root=tmp_path)
    count = len(box.sizes)
    assert torch.equal(scored(again, images()), first[:6]) and len(box.sizes) == count
    assert (again.fingerprint, again.probe_digest, again.notes) == (
        loaded.fingerprint,
        loaded.probe_digest,
        loaded.notes,
    )
    with pytest.raises(ModelError, match=r"no answer for 2 of 2 images.*cassette mode replay"):
        scored(again, 1 - images(2))


def test_a_trial_really_asks_twice_and_is_on_the_cassette_too(tmp_path: Path, box: Box) -> None:
    file = written(tmp_path, box, BATCHED)
    loaded = opened(file)
    with frozen_on(loaded, "cpu"):
        check_repeatable(loaded, images(), 4)
    assert sorted(box.images.values()) == [1, 2, 2, 2, 2]
    count = len(box.sizes)
    again = opened(file)
    with frozen_on(again, "cpu"):
        check_repeatable(again, images(), 4)
    assert len(box.sizes) == count


def test_a_server_that_answers_by_chance_is_found_out(tmp_path: Path, box: Box) -> None:
    draw = np.random.default_rng(0)
    loaded = opened(written(tmp_path, box, BATCHED))
    box.model = lambda pixels: [float(value) for value in draw.random(2)]
    with frozen_on(loaded, "cpu"), pytest.raises(ModelError, match=r"other logits each time.*deterministic: false"):
        check_repeatable(loaded, images(), 4)
    declared = opened(written(tmp_path, box, f"{BATCHED}deterministic: false\n", "other.yaml"))
    with frozen_on(declared, "cpu"):
        assert check_repeatable(declared, images(), 4) == 0
    assert any("not deterministic" in note for note in declared.notes)


def test_another_model_behind_the_address_is_found_before_its_answers_join_the_old_ones(
    tmp_path: Path, box: Box
) -> None:
    file = written(tmp_path, box)
    scored(opened(file), images(2))
    kept = (tmp_path / "box.cassette.jsonl").read_text()
    box.model = lambda pixels: [value + 1 for value in colours(pixels)]
    again = opened(file)
    scored(again, images(2))
    with pytest.raises(ModelError, match="answers an image otherwise now"):
        scored(again, images(6))
    answers = [line for line in (tmp_path / "box.cassette.jsonl").read_text().splitlines() if "scores" in line]
    assert answers == [line for line in kept.splitlines() if "scores" in line]


def test_a_budget_ends_the_asking_and_a_larger_one_goes_on_from_there(tmp_path: Path, box: Box) -> None:
    loaded = opened(written(tmp_path, box, "budget: 4\n"))
    box.script = [state(500)]
    with pytest.raises(ModelError, match=r"budget of 4 requests is used up; .*box.cassette.jsonl; raise budget"):
        scored(loaded, images())
    assert len(box.sizes) == 4
    torch.testing.assert_close(scored(opened(written(tmp_path, box, "budget: 20\n")), images()), wanted(images()))
    assert sum(box.images.values()) == len(box.images) + 1  # one image was asked again: is it the same server?


def test_a_rate_is_kept(tmp_path: Path, box: Box) -> None:
    scored(opened(written(tmp_path, box, "rate: 20\n")), images())
    lines = map(json.loads, (tmp_path / "box.cassette.jsonl").read_text().splitlines())
    assert np.diff([line["at"] for line in lines if "call" in line]).min() >= 0.049 and len(box.times) == 7


def test_several_requests_at_one_time(tmp_path: Path, box: Box) -> None:
    loaded = opened(written(tmp_path, box, "concurrency: 6\ntimeout: {read: 5}\n".replace("timeout", "budget: 99\n#")))
    box.pause, began = 0.15, time.monotonic()
    torch.testing.assert_close(scored(loaded, images()), wanted(images()))
    assert time.monotonic() - began < 0.6 and set(box.images.values()) == {1}


def test_requests_at_one_time_that_disagree_on_the_classes_leave_a_cassette_that_can_be_read(
    tmp_path: Path, box: Box
) -> None:
    file = written(tmp_path, box, "concurrency: 4\n")
    model = remote(file).module  # not opened: no answer has told the number of classes yet
    box.pause, box.script = 0.05, [answer({"scores": [1.0, 2.0]}), answer({"scores": [1.0, 2.0, 3.0]})]
    with pytest.raises(ModelError, match=r"scores for an image, and others have|scores instead of"):
        model(images(4))
    assert len(Cassette(tmp_path / "box.cassette.jsonl", **of_box(file)).answers) >= 1


def of_box(file: Path) -> dict[str, str]:
    fields = read_remote_file(file)
    return {"model": fields.identity(), "address": fields.address, "version": fields.version}


def test_a_cassette_that_is_removed_meanwhile_is_an_error(tmp_path: Path, box: Box) -> None:
    loaded = opened(written(tmp_path, box))
    (tmp_path / "box.cassette.jsonl").unlink()
    with pytest.raises(ModelError, match="was removed while it was in use"):
        scored(loaded, images(1))


def test_a_torn_last_line_does_not_count_and_a_damaged_one_is_named(tmp_path: Path, box: Box) -> None:
    file = written(tmp_path, box)
    first = scored(opened(file), images())
    cassette = tmp_path / "box.cassette.jsonl"
    content = cassette.read_bytes()
    cassette.write_bytes(content[:-20])
    assert torch.equal(scored(opened(file), images()), first)
    assert b"}{" not in cassette.read_bytes() and cassette.read_bytes().endswith(b"}\n")
    lines = content.splitlines(keepends=True)
    cassette.write_bytes(b"".join([*lines[:3], lines[3][:-9] + b"\n", *lines[4:]]))
    with pytest.raises(ModelError, match=r"box.cassette.jsonl:4: is not valid JSON"):
        opened(file)
    changed = lines[2].replace(b'"time": 0', b'"time": 0').replace(b"[", b"[7")
    cassette.write_bytes(b"".join([*lines, changed]))
    with pytest.raises(ModelError, match="otherwise than a line before it"):
        opened(file)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("version: '2'\n", r"version '', .*version '2'"),
        ("classes: [a, b]\n", "recorded with other settings"),
        ("headers: {X-Model: other}\n", "recorded with other settings"),
    ],
)
def test_a_cassette_of_another_model_is_refused(tmp_path: Path, box: Box, change: str, said: str) -> None:
    opened(written(tmp_path, box))
    with pytest.raises(ModelError, match=said):
        opened(written(tmp_path, box, change))


def test_settings_that_decide_no_answer_leave_the_fingerprint(tmp_path: Path, box: Box) -> None:
    plain = opened(written(tmp_path, box, "cassette: {file: a.jsonl}\n"))
    same = opened(written(tmp_path, box, "cassette: {file: b.jsonl}\nrate: 900\nbudget: 99\n"))
    other = opened(written(tmp_path, box, "cassette: {file: c.jsonl}\nversion: '2'\n"))
    assert plain.fingerprint == same.fingerprint != other.fingerprint
    assert any("version '2' as stated" in note for note in other.notes)


def secret_box(folder: Path, box: Box) -> Path:
    more = 'headers: {Authorization: "Bearer ${BOX_KEY}"}\nrequest: {image: "{image}", key: "${BOX_KEY}"}\n'
    file = written(folder, box, more)
    file.write_text(file.read_text().replace("/predict", "/predict?code=${BOX_KEY}"))
    return file


def test_secrets_are_sent_and_shown_nowhere(
    tmp_path: Path, box: Box, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("BOX_KEY", SECRET)
    loaded = opened(secret_box(tmp_path, box))
    scored(loaded, images(2))
    assert all(headers["Authorization"] == f"Bearer {SECRET}" for headers in box.headers)
    assert all(path == f"/predict?code={SECRET}" for path in box.paths)
    seen = io.StringIO()
    for does in (state(401, f"no such key: {SECRET}".encode()), state(500, SECRET.encode()), drop, answer({SECRET: 1})):
        box.script = [does] * 8
        with pytest.raises(ModelError) as raised:
            scored(loaded, images(6))
        ours = raised.value.with_traceback(raised.value.__traceback__.tb_next)  # the first frame is that of the test
        shown = traceback.TracebackException.from_exception(ours, capture_locals=True)
        seen.write("".join(shown.format()))
    seen.write(f"{loaded.module!r} {loaded.notes} {caplog.text}")
    assert SECRET not in seen.getvalue() and "***" in seen.getvalue() and "urllib3" in caplog.text
    for file in tmp_path.iterdir():
        assert SECRET not in file.read_text()
    monkeypatch.setenv("BOX_KEY", "another")
    assert opened(tmp_path / "box.yaml").fingerprint == loaded.fingerprint
    monkeypatch.delenv("BOX_KEY")
    torch.testing.assert_close(scored(opened(tmp_path / "box.yaml"), images(2)), wanted(images(2)))
    with pytest.raises(ModelError, match="environment variable BOX_KEY, which is not set"):
        scored(opened(tmp_path / "box.yaml"), images(6))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("url: ftp://host/x\n", "box.yaml:1: url: must begin with http"),
        ("url: https://me:pw@host/x\n", "user and password"),
        ("url: https://host/x?key=abc\n", "the query's key holds a secret"),
        ("url: https://${HOST}/x\n", "may stand in the query alone"),
        ("url: https://host/x\nheaders:\n  X-Api-Key: abc\n", "X-Api-Key holds a secret; write"),
        ("url: https://host/x\nheaders: {X-Y: '${a b}'}\n", "not the name of an environment variable"),
        ("url: https://host/x\nanswr: {}\n", "box.yaml:2: answr: unknown key; did you mean 'answer'"),
        ("url: https://host/x\nanswer: {scores: 'a[*].b[*]'}\n", "more than one"),
        ("url: https://host/x\nbatch: 3\n", "batch above 1 needs"),
        ("url: https://host/x\nrequest: {a: 1}\n", "request must hold"),
        ("url: https://host/x\nrequest: {a: '{image}', b: '{imge}'}\n", "{imge} is not known"),
        ("url: https://host/x\npreprocessing: {mean: [0.5]}\n", "png holds pixel values"),
        ("url: https://host/x\nrate: fast\n", "box.yaml:2: rate: must be a number, got 'fast'"),
        ("url: https://host/x\nanswer: {label: name}\n", "needs classes"),
        ("batch: 3\n", "url: is missing"),
        ("", "must be a mapping"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_line_and_field(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "box.yaml"
    file.write_text(text)
    with pytest.raises(ModelError) as raised:
        opened(file)
    assert said in str(raised.value) and "abc" not in str(raised.value) and "pw" not in str(raised.value)


def test_the_short_form_and_python_say_the_same(tmp_path: Path, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    from modelaudit import Preprocessing

    monkeypatch.chdir(tmp_path)
    fixed = Preprocessing(resize=(12, 12))
    short = open_model(f"remote:{box.url}", root=tmp_path, preprocessing=fixed)
    assert len(list(tmp_path.glob("127.0.0.1-*.cassette.jsonl"))) == 1
    called = open_model(remote(url=box.url), root=tmp_path, preprocessing=fixed)
    changed = open_model(remote(written(tmp_path, box), preprocessing=None), root=tmp_path, preprocessing=fixed)
    assert called.fingerprint == changed.fingerprint and short.probe_digest == called.probe_digest
    with pytest.raises(ModelError, match="with a query or a user") as raised:
        open_model(f"remote:{box.url}?key={SECRET}", root=tmp_path)
    assert SECRET not in str(raised.value)


def test_the_documented_file_is_read_and_every_field_is_described(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "how_to" / "remote_models.md").read_text(encoding="utf-8")
    file = tmp_path / "box.yaml"
    file.write_text(page.partition("```yaml\n")[2].partition("```")[0], encoding="utf-8")
    fields = read_remote_file(file)
    assert fields.batch == 8 and fields.address == "https://inspection.example/v1/models/line:predict"
    parts = (fields.answer, fields.timeout, fields.retries, fields.cassette)
    for model in (RemoteFields, *map(type, parts)):
        for name, field in model.model_fields.items():
            assert field.description or name in json_schema()["properties"], name


texts = st.text(st.characters(blacklist_characters="{}$", blacklist_categories=["Cs"]), max_size=8)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(before=plain, name=texts, count=st.integers(1, 5))
def test_a_template_is_sent_as_it_stands_but_for_its_placeholders(before: Any, name: str, count: int) -> None:
    sent = sent_images(images(count), "float32", "NCHW", "box")
    template = {"a": before, "b": "{images}", "c": ["{count}", "n={count}"]}
    body = filled_body(template, {"i": "{image}", "n": "{number}", "k": name}, sent, str)
    assert body["a"] == before and body["c"] == [count, f"n={count}"]
    assert [row["n"] for row in body["b"]] == list(range(count)) and {row["k"] for row in body["b"]} == {name}
    assert torch.equal(torch.tensor([row["i"] for row in body["b"]]), images(count))


keys = st.text("abc", min_size=1, max_size=3)


@given(st.lists(keys | st.integers(0, 2), max_size=5), st.integers())
def test_a_path_leads_to_what_was_put_there(steps: list[str | int], value: int) -> None:
    answer: Any = value
    for step in reversed(steps):
        answer = {step: answer, "other": 0} if isinstance(step, str) else [None] * step + [answer]
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    assert AnswerPath(f"${text}").find(answer) == value


@given(st.integers(1, 6), st.integers(1, 4), st.randoms(use_true_random=False))
def test_numbers_that_come_back_undo_any_order(count: int, classes: int, draw: Any) -> None:
    rows = [{"id": number, "s": [number + place / 10 for place in range(classes)]} for number in range(count)]
    fields = AnswerFields(scores="[*].s", ids="[*].id")
    given_back = draw.sample(rows, count)
    assert scores_of(given_back, count, fields, None, None) == [row["s"] for row in rows]


@pytest.mark.parametrize(
    ("path", "answer", "classes", "wanted"),
    [
        ("outputs[0].data", {"outputs": [{"data": [1, 2, 3, 4]}]}, None, [[1, 2], [3, 4]]),
        ("$", [[1, 2], [3, 4]], None, [[1, 2], [3, 4]]),
        ("[*]", [{"b": 2, "a": 1}, {"a": 3, "b": 4}], ("a", "b"), [[1, 2], [3, 4]]),
        ("$", [{"b": 2, "a": 1}, {"a": 3, "b": 4}], ("a", "b"), [[1, 2], [3, 4]]),
    ],
)
def test_shapes_of_answers(path: str, answer: Any, classes: tuple[str, ...] | None, wanted: Any) -> None:
    assert scores_of(answer, 2, AnswerFields(scores=path), classes, 2) == wanted


def test_scores_by_label_are_in_the_order_of_the_classes_and_none_may_lack() -> None:
    fields = AnswerFields(scores="$", label="label", score="p")
    answer = [{"label": "b", "p": 0.25}, {"label": "a", "p": 0.75}]
    assert scores_of(answer, 1, fields, ("a", "b"), None) == [[0.75, 0.25]]
    assert scores_of([answer, answer[::-1]], 2, fields, ("a", "b"), None) == [[0.75, 0.25]] * 2
    with pytest.raises(ModelError, match="other classes than stated: missing 'c'"):
        scores_of(answer, 1, fields, ("a", "b", "c"), None)
    with pytest.raises(ModelError, match="'b' stands twice"):
        scores_of([answer[0], answer[0]], 1, fields, ("a", "b"), None)


def test_a_flat_list_whose_classes_nobody_knows_is_not_divided() -> None:
    with pytest.raises(ModelError, match="an unknown number of"):
        scores_of([1, 2, 3, 4], 2, AnswerFields(scores="$"), None, None)


def test_a_grey_image_is_a_grey_png(tmp_path: Path, box: Box) -> None:
    file = written(tmp_path, box)
    file.write_text(file.read_text().replace("[12, 12]", "[12, 12], channels: 1"))
    found = scored(opened(file), images(1))
    assert torch.allclose(found[:, 0], found[:, 1])
