from pathlib import Path
import pytest
from pytest_plugin.runs import Line

@pytest.fixture
def line(pytester): return Line(pytester)

def test_it(line: Line):
    line.checks="on"
    line.audit('''
    A = Audit(**told(data=samples(40)))
    a = A.expect(accuracy > 0.5)
    b = A.expect(accuracy.under(swap_background("other_class")) > 0.1)
    c = A.expect(background_share("saliency") < 0.99)
    d = A.expect(confidence.under(gaussian_noise(3)) > 0.1)
    ''')
    r=line.run()
    rec=line.record()
    print([ (c.name,c.verdict,c.message) for c in rec.cases])
    from modelaudit.releases.baselines import baseline_of, write_baseline, read_run
    size=write_baseline(baseline_of(read_run(line.path/"audit-results/latest/run.json"), "x"), line.path/"baselines/v1.json")
    print(size)
    line.audit('''
    A = Audit(**told(data=samples(40)) | {"model": {"new": Colour(3.0), "current": "run:baselines/v1"}})
    a = A.expect(accuracy.of("new") - accuracy.of("current") > -0.1)
    b = A.expect(accuracy.of("new").under(swap_background("other_class")) - accuracy.of("current").under(swap_background("other_class")) > -0.2)
    c = A.expect(background_share("saliency").of("new") - background_share("saliency").of("current") < 0.99)
    d = A.expect(confidence.of("new").under(gaussian_noise(3)) - confidence.of("current").under(gaussian_noise(3)) > -0.5)
    e = A.expect(confidence.of("current").under(lighting(3)) > 0.5)
    ''')
    r=line.run()
    rec=line.record()
    for c in rec.cases: print(c.name,c.verdict,c.message, c.decision and (c.decision.estimate, c.decision.lower,c.decision.upper, c.decision.counts), c.weakened, c.checks and c.checks.notes)
    print(rec.models[1].notes, [len(c.gallery) for c in rec.cases])
    print(rec.tables[0].donors.keys())
    assert 0
