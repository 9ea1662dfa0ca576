"""What a run says of audits that stop early."""

from __future__ import annotations

from pytest_plugin.runs import Line, counts

EARLY = """
audit = Audit(**{**told(Colour()), "data": samples(120)}, checks="off", stop="early")
right = audit.expect(accuracy > 0.5)
"""


def test_terminal_and_record_say_how_far_it_looked(line: Line) -> None:
    line.audit(
        EARLY.replace("checks=", 'known_bad=["model"], checks=')
        + "sure = audit.expect(accuracy > 0.75, must_fail=True)\n"
    )
    result = line.run()
    cases, data = line.cases(), line.record().data[0]
    for case in cases.values():
        assert case.checks is not None and case.checks.stopped is not None
        assert case.checks.stopped.available == data.available == 120
        assert case.checks.stopped.looked == data.images < 60
    assert cases["right"].decision is not None
    assert cases["right"].decision.rule == "betting_sequence"
    looked = data.images
    result.stdout.fnmatch_lines([f"samples: looked at {looked} of 120 images, then everything was decided"])
    result.stdout.fnmatch_lines([f"  Looked at {looked} of 120 images, 1 time; then everything was decided."])
    assert len(line.record().tables[0].samples) == looked


def test_the_report_says_it_too(line: Line) -> None:
    line.audit(EARLY)
    line.run()
    html = (line.path / "audit-results" / "latest" / "report.html").read_text(encoding="utf-8")
    looked = line.record().data[0].images
    assert f"Looked at {looked} of 120 images" in html
    assert f"120枚中{looked}枚" in html


def test_a_quick_look_wins(line: Line) -> None:
    line.audit(EARLY)
    result = line.run("--audit-limit=10")
    checks = line.cases()["right"].checks
    assert checks is None or checks.stopped is None
    assert line.record().data[0].images == 10
    result.stdout.no_fnmatch_line("*then everything was decided*")


def test_a_run_that_finds_all_in_the_store_looks_at_the_same(line: Line) -> None:
    line.audit(EARLY + "noisy = audit.expect(accuracy.under(gaussian_noise(1)) > 0.6)\n")
    line.store = str(line.path / "store")
    assert counts(line.run()) == {"passed": 2}
    first = line.record()
    assert counts(line.run()) == {"passed": 2}
    again = line.record()
    assert again.passes.forward == 0
    assert again.tables == first.tables
    assert [case.decision for case in again.cases] == [case.decision for case in first.cases]
    assert [case.checks for case in again.cases] == [case.checks for case in first.cases]


def test_yaml_says_it_in_one_line(line: Line) -> None:
    line.write(
        "line.audit.yaml",
        """
        model: demo:sound
        data: demo:?images=60
        stop: early
        about: this_set
        checks: "off"
        expect:
          right: accuracy > 0.5
        """,
    )
    line.run("line.audit.yaml")
    checks = line.cases()["right"].checks
    assert checks is not None and checks.stopped is not None
    assert checks.stopped.looked < checks.stopped.available == 60
