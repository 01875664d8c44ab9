"""Open files: checked before the server says that it is up. In processes of their own."""

import subprocess
import sys

import pytest

ASK = """
import resource, sys
from scp_server.domain.errors import StartRefused
from scp_server.listening.descriptors import sockets_allowed
soft, hard, wanted = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
try:
    print(sockets_allowed(wanted or None), *resource.getrlimit(resource.RLIMIT_NOFILE))
except StartRefused as refusal:
    print(refusal)
"""


def allowed(soft: int, hard: int, wanted: int = 0) -> str:
    asked = [sys.executable, "-c", ASK, str(soft), str(hard), str(wanted)]
    ran = subprocess.run(asked, capture_output=True, text=True, check=True)  # noqa: S603  (ours)
    return ran.stdout.strip()


def test_the_usual_number_is_taken_and_the_soft_limit_raised_for_it() -> None:
    assert allowed(1024, 12_000) == "10000 10512 12000"


def test_a_lower_limit_means_fewer_sockets() -> None:
    assert allowed(1024, 1024) == "512 1024 1024"


def test_a_soft_limit_that_is_high_enough_stays() -> None:
    assert allowed(2000, 12_000, wanted=100) == "100 2000 12000"


@pytest.mark.parametrize(("hard", "wanted"), [(1024, 513), (600, 10_000)])
def test_more_sockets_than_files_refuse_the_start_and_say_what_to_do(
    hard: int, wanted: int
) -> None:
    told = allowed(256, hard, wanted)
    assert f"SCP_LIMITS__SOCKETS is {wanted}" in told
    assert str(wanted + 512) in told
    assert "ulimit" in told


def test_a_process_that_can_hardly_open_a_file_refuses_to_start() -> None:
    assert "too few to serve anybody" in allowed(256, 520)
