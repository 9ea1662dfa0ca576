"""Records of real runs are consistent; an edited one is refused, and says where it contradicts itself."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from pytest_plugin.runs import Line

from modelaudit.cli import main
from modelaudit.evidence.consistency import Contradiction, contradictions


@pytest.fixture
def line(pytester: pytest.Pytester) -> Line:
    return Line(pytester)


#: audits of every kind of left side, with the options of their runs; and how many cases they have
HONEST: dict[str, tuple[str, tuple[str, ...], int]] = {
    "proportions": ("a = A.expect(accuracy > 0.5)\nb = A.expect(accuracy < 0.5)\nc = A.expect(accuracy > 0.9)", (), 3),
    "differences and ratios": (
        """
        a = A.expect(accuracy - accuracy.under(gaussian_noise(3)) < 0.3)
        b = A.expect(accuracy.under(gaussian_noise(3)) / accuracy > 0.5)
        c = A.expect(confidence - confidence.under(lighting(3)) < 0.2)
        d = A.expect(2 * accuracy - 0.5 > 0.1)
        """,
        (),
        4,
    ),
    "backgrounds of donors": (
        """
        a = A.expect(accuracy.under(swap_background("other_class")) > 0.5)
        b = A.expect(flip_rate.under(swap_background("other_class")) < 0.5)
        """,
        (),
        2,
    ),
    "maps by several methods": (
        'a = A.expect(background_dependence("saliency", "input_x_gradient").under(gaussian_noise(2)) < 0.4)\n'
        'b = A.expect(background_share("saliency", target="label") < 0.9)',
        (),
        2,
    ),
    "strata": (
        """
        a = A.expect(flip_rate.under(gaussian_noise(3)).where(correct) < 0.5)
        b = A.expect(confidence.where(label("red")) - confidence.where(label("green")) < 0.3)
        c = A.expect(accuracy.where((object_area > 0.1) & label("red")) > 0.2)
        d = A.expect(accuracy.under(lighting(2)).where(misclassified) < 0.9)
        e = A.expect(accuracy.where(~label("red") | (object_area > 0.1) & ~correct) > 0.2)
        f = A.expect(miss_rate(good="red").under(lighting(2)) - miss_rate(good="red") < 0.5)
        g = A.expect(false_alarm_rate(good="red").where(object_area > 0) < 0.5)
        h = A.expect(predicted("red") < 0.9)
        """,
        (),
        8,
    ),
    "curves and composites": (
        """
        a = A.expect(accuracy.under(fade(each=[0, 0.5, 1])) > 0.2)
        b = A.expect(accuracy.under(fade(each=[0, 0.5, 1])).slope() > -0.9)
        c = A.expect(accuracy.under(fade(each=[0, 0.5, 1])).area() - accuracy > -0.9)
        d = A.expect(worst_group_accuracy(gaussian_noise(1), lighting(2)) > 0.4)
        e = A.expect(worst_group_accuracy(fade(each=[0.5, 1])) > 0.1)
        f = A.expect(relative_foreground_sensitivity(
            gaussian_noise(3, region="object"), gaussian_noise(3, region="background")) > -0.5)
        """,
        (),
        6,
    ),
    "several models": (
        """
        two = Audit(**told() | {"model": {"one": Colour(), "other": Blind()}}, known_bad=["other"])
        a = two.expect(accuracy > 0.5)
        b = two.expect(accuracy.of("one") - accuracy.of("other") > -0.2)
        c = two.expect(accuracy.of("other") > 0.9, must_fail=True)
        """,
        (),
        4,
    ),
    "this set": (
        'S = Audit(**told(), about="this_set")\na = S.expect(accuracy > 0.5)\nb = S.expect(accuracy < 1)',
        (),
        2,
    ),
    "early stop": (
        'S = Audit(**told(data=samples(80)), stop="early")\na = S.expect(accuracy > 0.4)\n'
        "b = S.expect(accuracy.under(swap_background('other_class')) > 0.1)",
        (),
        2,
    ),
    "proven rules, clusters and copies": (
        """
        from dataclasses import replace
        G = Audit(**told(data=samples(60)), bounds="guaranteed")
        a = G.expect(confidence - confidence.under(lighting(3)) < 0.2)
        b = G.expect(accuracy - accuracy.under(swap_background("other_class")) < 0.3)
        scenes = [replace(one, cluster=f"scene {at // 4}", group="ab"[at % 2]) for at, one in enumerate(samples(60))]
        c = Audit(**told(data=scenes)).expect(confidence.under(lighting(3)) > 0.2)
        d = Audit(**told(data=scenes)).expect(worst_group_accuracy(by="group") > 0.2)
        e = Audit(**told(data=scenes), claim="these_clusters").expect(accuracy.under(swap_background("random")) > 0.5)
        few = [replace(one, cluster=f"scene {at // 20}") for at, one in enumerate(samples(60))]
        f = Audit(**told(data=few)).expect(accuracy > 0.5)
        copies = [replace(one, id=f"{at}-{one.id}") for at in range(3) for one in samples(30)]
        g = Audit(**told(data=copies)).expect(accuracy.under(swap_background("other_class")) > 0.5)
        """,
        (),
        7,
    ),
    "quick look": ("a = A.expect(accuracy > 0.5)\nb = A.expect(accuracy < 0.5)", ("--audit-limit=8",), 2),
    "selected": ("a = A.expect(accuracy > 0.5)\nb = A.expect(accuracy < 0.5)", ("-k", "a"), 2),
    "errors": (
        'a = A.expect(accuracy > 0.5)\nb = Audit(**told() | {"model": "nowhere.pt"}).expect(accuracy > 0.5)',
        (),
        2,
    ),
    "skipped, expected to fail": (
        """
        import pytest
        a = A.expect(accuracy > 0.5)
        b = A.expect(accuracy > 0.5, marks=pytest.mark.skip(reason="later"))
        c = A.expect(accuracy < 0.5, marks=pytest.mark.xfail)
        d = A.expect(accuracy > 0.5, marks=pytest.mark.xfail)
        e = A.expect(accuracy > 0.5, marks=pytest.mark.xfail(strict=True))
        """,
        (),
        5,
    ),
}
BODY = "from modelaudit.language import correct, label, misclassified, object_area\nA = Audit(**told())\n"


@pytest.mark.parametrize(("body", "options", "count"), HONEST.values(), ids=HONEST)
def test_the_record_of_a_run_does_not_contradict_itself(
    line: Line, body: str, options: tuple[str, ...], count: int
) -> None:
    line.checks = "on"
    line.audit(BODY + textwrap.dedent(body))
    line.run(*options)
    record = line.record()
    assert len(record.cases) == count, [case.message for case in record.cases]
    assert [str(one) for one in contradictions(record)] == []
    assert not [case.message for case in record.cases if "contradicts" in case.message]


AUDIT = """
import sys
sys.path.insert(0, {here!r})
from line import *
from modelaudit import Audit
from modelaudit.attribution import *
from modelaudit.contexts import *
from modelaudit.language import correct
from modelaudit.measures import *

audit = Audit(**told())
right = audit.expect(accuracy > 0.5)
wrong = audit.expect(accuracy < 0.5)
open_ = audit.expect(accuracy > 0.9)
drop = audit.expect(accuracy.under(swap_background("other_class")).where(correct) > 0.2)
maps = audit.expect(background_dependence("saliency", "input_x_gradient") < 0.9)
worst = audit.expect(worst_group_accuracy() > 0.3)
caught = Audit(**told() | {{"model": Blind()}}).expect(accuracy > 0.8, must_fail=True)
"""


#: sessions of one process, each with its own results; the audit file is imported anew by each
SESSIONS = """
import sys
import pytest

for name, *options in {sessions!r}:
    sys.modules.pop("audit_line", None)
    pytest.main(["-q", "-p", "no:cacheprovider", "--audit-store=off", "--audit-results=" + name, *options])
"""
RUNS = {"whole": (), "quick": ("--audit-limit=8",), "selected": ("-k", "right or caught")}


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """``run.json`` of runs in a process of their own."""
    folder = tmp_path_factory.mktemp("runs")
    line = Path(__file__).parents[1] / "pytest_plugin" / "line.py"
    (folder / "line.py").write_text(line.read_text("utf-8"), "utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "audit_line.py").write_text(AUDIT.format(here=str(folder)), encoding="utf-8")
    code = SESSIONS.format(sessions=[(name, *options) for name, options in RUNS.items()])
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=300)
    found = {name: folder / name / "latest" / "run.json" for name in RUNS}
    assert all(file.exists() for file in found.values()), done.stdout + done.stderr
    return {name: json.loads(file.read_text(encoding="utf-8")) for name, file in found.items()}


@pytest.fixture
def whole(records: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return deepcopy(records["whole"])


@pytest.fixture
def quick(records: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return deepcopy(records["quick"])


@pytest.fixture
def selected(records: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return deepcopy(records["selected"])


def case(record: dict[str, Any], name: str) -> dict[str, Any]:
    return next(dict_ for dict_ in record["cases"] if dict_["name"] == name)


def set_(name: str, **changed: Any) -> Callable[[dict[str, Any]], None]:
    """An edit of fields of a case; ``decision__lower`` is a field of its decision."""

    def edit(record: dict[str, Any]) -> None:
        for path, value in changed.items():
            *inner, last = path.split("__")
            place = case(record, name)
            for step in inner:
                place = place[step]
            assert place[last] != value
            place[last] = value

    return edit


def passes(record: dict[str, Any]) -> None:
    """FAIL becomes PASS wherever it stands."""
    set_("wrong", verdict="PASS", outcome="passed", decision__verdict="PASS", decision__p=None)(record)
    case(record, "wrong")["checks"]["holm"] = None
    set_("open_", verdict="PASS", outcome="passed", reason=None, decision__verdict="PASS", decision__reason=None)(
        record
    )
    record["overall"] = "PASS"


def table(record: dict[str, Any], name: str) -> dict[str, Any]:
    """The table of a case's data."""
    return next(one for one in record["tables"] if one["data"] == case(record, name)["data"])


def value(record: dict[str, Any]) -> None:
    column = next(one for one in table(record, "right")["columns"] if one["measure"] == "accuracy")
    column["values"][3] = 0.0


def content(part: str) -> Callable[[dict[str, Any]], None]:
    def edit(record: dict[str, Any]) -> None:
        table(record, "right")["samples"][3][part] = "ab" * 32

    return edit


def root_of(record: dict[str, Any]) -> None:
    next(one for one in record["data"] if one["key"] == "data:samples")["root"] = "ab" * 32


def no_missing(record: dict[str, Any]) -> None:
    table(record, "right")["samples"].pop()


def donors(record: dict[str, Any]) -> None:
    found = table(record, "drop")
    (key,) = found["donors"]
    found["donors"][key] = [found["samples"][0]["id"]] * 20


def run(**changed: Any) -> Callable[[dict[str, Any]], None]:
    def edit(record: dict[str, Any]) -> None:
        record.update(changed)

    return edit


def dropped(record: dict[str, Any]) -> None:
    record["cases"] = [one for one in record["cases"] if one["name"] not in ("wrong", "open_")]
    record["overall"] = "PASS"


def one_group(record: dict[str, Any]) -> None:
    for part in ("parts", "names"):
        case(record, "worst")["formula"][part] = case(record, "worst")["formula"][part][:1]


def no_objection(record: dict[str, Any]) -> None:
    """The methods failed their sanity check, and took the verdict away."""
    assert case(record, "maps")["reason"] == "attribution_invalid"
    set_("maps", verdict="PASS", outcome="passed", reason=None, decision__verdict="PASS", decision__reason=None)(record)
    case(record, "maps")["checks"].update(unguarded=None, objections=[], insane=[])


def sane(record: dict[str, Any]) -> None:
    for one in record["sanity"]:
        one["passed"] = True


def other_column(record: dict[str, Any]) -> None:
    case(record, "wrong")["left"]["specs"] = ["background_share(saliency)"]


def images(record: dict[str, Any]) -> None:
    found = next(one for one in record["data"] if one["key"] == "data:samples")
    found.update(images=2000, available=2000)


def prediction(record: dict[str, Any]) -> None:
    view = next(one for one in table(record, "right")["views"] if any(one["predicted"]))
    view["predicted"][0] = 1 - view["predicted"][0]


def confused(record: dict[str, Any]) -> None:
    cell = next(one for one in record["by_class"]["confusions"][0]["cells"] if not one["right"])
    cell.update(n=cell["n"] + 1)


def no_confusion(record: dict[str, Any]) -> None:
    record["by_class"]["confusions"] = []


def waived(name: str, **changed: Any) -> Callable[[dict[str, Any]], None]:
    """A waiver that is in force, as far as nothing of it is `changed`; fields of the case begin with ``case_``."""
    waiver = {"owner": "Tanaka", "reason": "lamps", "issued": "2020-01-01T00:00:00Z", "expires": "2999-01-01T00:00:00Z"}
    waiver |= {field: value for field, value in changed.items() if not field.startswith("case_")}
    of_case = {field.removeprefix("case_"): value for field, value in changed.items() if field.startswith("case_")}

    def edit(record: dict[str, Any]) -> None:
        case(record, name).update({"waiver": waiver, "standing": "waived", "outcome": "xfailed", **of_case})

    return edit


EXPIRED = {"issued": "2020-01-01T00:00:00Z", "expires": "2020-02-01T00:00:00Z"}
#: what somebody might edit in a record, and what is named for it
FORGED: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "an expired waiver": (waived("wrong", **EXPIRED), "::wrong: standing is 'waived', and 'counted' follows"),
    "a waiver that ends first": (waived("wrong", issued="3000-01-01T00:00:00Z"), "::wrong: waiver.expires"),
    "a waiver that lacks a signature": (waived("wrong", lacks="signature"), "::wrong: standing is 'waived'"),
    "a signature that no lock asks for": (waived("wrong", signed_by="customer"), "::wrong: waiver.signed_by"),
    "a waiver of what is critical": (
        waived("wrong", case_importance="critical"),
        "::wrong: waiver is 'by Tanaka', and 'none: the requirement is critical'",
    ),
    "a waiver of a known-bad model": (
        waived("caught", case_standing="counted", case_outcome="passed"),
        "::caught: waiver is 'by Tanaka', and 'none: the requirement is of a known-bad model'",
    ),
    "every verdict": (passes, "::wrong: verdict is 'PASS', and 'FAIL' follows"),
    "a verdict": (set_("wrong", verdict="PASS", outcome="passed"), "::wrong: verdict is 'PASS', and 'FAIL' follows"),
    "the verdict of the decision": (set_("wrong", decision__verdict="PASS"), "::wrong: decision.verdict"),
    "an outcome": (set_("wrong", outcome="passed"), "::wrong: outcome is 'passed'"),
    "a reason": (set_("open_", reason="missing_data"), "::open_: reason"),
    "a threshold": (
        set_("wrong", threshold=2.0),
        "::wrong: expectation is 'accuracy < 0.5', and 'accuracy < 2' follows",
    ),
    "a threshold and its texts": (
        set_("wrong", threshold=2.0, expectation="accuracy < 2"),
        "::wrong: long_form",
    ),
    "a comparison": (set_("wrong", op=">", expectation="accuracy > 0.5"), "::wrong: long_form"),
    "a long form": (set_("wrong", long_form="accuracy@1() < 0.5 "), "::wrong: fingerprint"),
    "a fingerprint": (set_("wrong", fingerprint="0" * 64), "::wrong: fingerprint"),
    "a lower bound": (set_("open_", decision__lower=0.95), "::open_: decision.lower is 0.95"),
    "an estimate": (set_("right", decision__estimate=0.9), "::right: decision.estimate is 0.9, and 1.0 follows"),
    "a confidence": (set_("right", confidence=0.99), "::right: long_form"),
    "that it must fail": (set_("wrong", must_fail=True, outcome="passed"), "::wrong: long_form"),
    "a claim": (set_("right", claim="these_clusters"), "::right: long_form"),
    "a rule": (set_("right", decision__rule="exact"), "::right: decision.rule"),
    "counts": (
        set_("right", decision__counts__measured=200),
        "::right: decision.counts.measured is 200, and 20 follows",
    ),
    "an error rate": (set_("wrong", decision__p=0.5), "::wrong: decision.p is 0.5"),
    "about": (set_("open_", about="this_set"), "::open_: decision."),
    "one value": (value, "::right: decision.estimate is 1.0, and 0.95 follows"),
    "one prediction": (prediction, "accuracy["),
    "a cell of the confusion table": (confused, "by_class.confusions.cells["),
    "the confusion table": (no_confusion, "the run: by_class.confusions: tables is 0"),
    "one sample less": (no_missing, "of 19 samples"),
    "the content of an image": (content("image"), "data data:samples: root is"),
    "the content of a mask": (content("mask"), "data data:samples: root is"),
    "the root of the data": (root_of, "data data:samples: root is"),
    "who lent backgrounds": (donors, "::drop: decision."),
    "another column": (other_column, "'accuracy' reads 'background_share(saliency)'"),
    "a group left out": (one_group, "::worst: formula is 'without label(red)'"),
    "what a check says against it": (no_objection, "::maps: checks.insane is []"),
    "what a check found": (sane, "::maps: checks.insane is ['saliency', 'input_x_gradient'], and [] follows"),
    "a part's bound": (
        lambda record: case(record, "maps")["decision"]["parts"][0].update(upper=0.1),
        "::maps: decision.parts[0].upper is 0.1",
    ),
    "no decision": (set_("right", decision=None), "::right: decision is 'none'"),
    "other counts of the data": (images, "data data:samples: images is 2000, and 20 follows"),
    "a case dropped": (dropped, "the run: number of cases of audit_line.py is 7, and 5 follows"),
    "what the run comes to": (run(overall="PASS"), "the run: overall is 'PASS', and 'FAIL' follows"),
    "the exit status": (run(exit_status=0), "the run: exit_status is 0, and 1 follows"),
    "a quick look that was none": (run(quick_look=20), "the run: overall is 'FAIL', and 'QUICK_LOOK' follows"),
    "a skip that was excused": (run(allow_partial=True), "the run: allow_partial is True, and False follows"),
    "an order of classes": (
        lambda record: record["tables"][0]["views"][0].update(
            class_order={"images": 20, "right": 0, "chance": 0.5, "below_chance": True}
        ),
        "the run: class_order of",
    ),
    "no tables": (run(tables=[]), "the table of 'data:"),
    "an old record": (lambda record: case(record, "right")["left"].update(specs=[]), "does not say which columns"),
}


@pytest.mark.parametrize(("edit", "says"), FORGED.values(), ids=FORGED)
def test_an_edited_record_is_refused_by_case_and_field(
    whole: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], edit: Callable[..., None], says: str
) -> None:
    forged = json.loads(json.dumps(whole))
    edit(forged)
    (tmp_path / "run.json").write_text(json.dumps(forged), encoding="utf-8")
    assert main(["report", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert says in error, error
    first, *_ = error.split("\n")  # the one line that lists and cases show names a contradiction
    assert first.endswith("follows from the record") and "contradicts itself, so it cannot be used: " in first
    assert [file.name for file in tmp_path.iterdir()] == ["run.json"]


def test_lists_are_cut_after_three_and_long_ones_differ_at_a_place() -> None:
    one = Contradiction("a", "values", [0.5] * 40, [0.5] * 30 + [1.0] * 10)
    assert str(one) == "a: values[30] is 0.5, and 1.0 follows from the record"
    one = Contradiction(None, "values", [1, 2, 3, 4], [])
    assert str(one) == "the run: values is [1, 2, 3, ... 1 more], and [] follows from the record"


def test_what_is_missing_from_a_run_cannot_be_edited_out(
    quick: dict[str, Any], selected: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edits: list[tuple[dict[str, Any], Callable[[dict[str, Any]], None], str]] = [
        (quick, run(quick_look=None), "the run: overall is 'QUICK_LOOK'"),
        (quick, run(quick_look=None, overall="FAIL", exit_status=1), "::right: outcome is 'quick_look'"),
        (selected, run(whole=True), "the run: whole is True, and False follows"),
        (selected, run(partial=True), "the run: partial is True, and False follows"),
        (selected, run(missing=None), "the run: missing is None, and '5 of 7 declared expectations"),
        (selected, dropped, "the run: number of cases of audit_line.py is 7, and 5 follows"),
        (selected, set_("wrong", verdict="PASS", standing="counted", absence=None), "::wrong: decision is 'none'"),
    ]
    for honest, edit, says in edits:
        forged = json.loads(json.dumps(honest))
        edit(forged)
        (tmp_path / "run.json").write_text(json.dumps(forged), encoding="utf-8")
        assert main(["report", str(tmp_path)]) == 2, says
        assert says in capsys.readouterr().err


def test_what_was_not_edited_is_rendered(whole: dict[str, Any], quick: dict[str, Any], tmp_path: Path) -> None:
    for name, record in {"whole": whole, "quick": quick}.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
        assert main(["report", str(folder)]) == 0


WITHOUT_TORCH = """
import sys
from pathlib import Path

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "captum", "PIL"):
            raise ImportError(name)

sys.meta_path.insert(0, Nothing())
from modelaudit.evidence.consistency import read_consistent_record
print(len(read_consistent_record(Path(sys.argv[1])).cases))
"""


def test_a_record_is_checked_without_torch(whole: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps(whole), encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH, str(tmp_path)], capture_output=True, text=True)
    assert done.stdout.split() == ["7"], done.stderr


@pytest.mark.parametrize("where", ["modelaudit.engine.decision.case", "modelaudit.engine.decision.apply_checks"])
def test_a_verdict_that_other_code_of_the_process_made_is_an_error_of_the_run(line: Line, where: str) -> None:
    line.audit("right = Audit(**told()).expect(accuracy > 0.5)\nwrong = Audit(**told()).expect(accuracy < 0.5)\n")
    line.write(
        "conftest.py",
        f"""
        import dataclasses
        import {where} as room
        from modelaudit.statistics import Verdict

        name = "decide" if hasattr(room, "decide_case") else "apply_objections"
        honest = getattr(room, name)
        setattr(room, name, lambda *given, **how: dataclasses.replace(honest(*given, **how), verdict=Verdict.PASS))
        """,
    )
    # in a process of its own: nobody takes the patch back
    result = line.pytester.runpytest_subprocess("--audit-store=off")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    cases = line.cases()
    assert (cases["right"].verdict, cases["wrong"].verdict) == ("PASS", "ERROR")
    assert "decision.verdict is 'PASS', and 'FAIL' follows" in cases["wrong"].message
    assert line.record().overall == "ERROR"
