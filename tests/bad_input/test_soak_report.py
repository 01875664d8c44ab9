"""What the soak says of a failure: enough to know it without another run."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

FAILING = """
from hypothesis import given, note, settings, strategies as st

def test_small():
    @settings(database=None)
    @given(item=st.sampled_from(["a", "b"]), number=st.integers())
    def holds(item, number):
        note(f"Falsified by: {item=} {number=}")
        assert number < 100
    holds()

def test_fine():
    pass
"""


def test_a_failure_is_told_with_its_assertion_and_what_falsified_it(tmp_path: Path) -> None:
    spec = spec_from_file_location("soak", Path(__file__).parents[2] / "scripts" / "soak.py")
    assert spec is not None
    assert spec.loader is not None
    soak = module_from_spec(spec)
    sys.modules["soak"] = soak
    spec.loader.exec_module(soak)
    (tmp_path / "test_it.py").write_text(FAILING, encoding="utf-8")
    report = tmp_path / "report.xml"
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", "test_it.py"]
    ran = subprocess.run(  # noqa: S603  (our own interpreter)
        [sys.executable, *words], cwd=tmp_path, capture_output=True, check=False
    )
    assert ran.returncode == 1
    (failure,) = soak.failed(report.read_text(encoding="utf-8"))
    assert failure.test == "test_it.py::test_small"
    assert failure.reason.endswith("assert 100 < 100")
    assert failure.example == "item='a' number=100"
