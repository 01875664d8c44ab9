"""The patterns of `scripts/secret_patterns.py` find what they are for."""

import subprocess
import sys
from pathlib import Path

import pytest
from detect_secrets.core.scan import scan_line
from detect_secrets.settings import transient_settings

SCRIPTS = Path(__file__).parents[2] / "scripts"
PLUGINS = [
    {"name": name, "path": f"file://{SCRIPTS / 'secret_patterns.py'}"}
    for name in ("ProviderSecretDetector", "OwnCredentialDetector")
]
TAIL = "Zq3vX9_bT7-kLm2Nw8RsYc4Hd6Pj1Fg"


@pytest.mark.parametrize(
    "secret",
    [
        "1//0" + TAIL,
        "ya29." + TAIL,
        "GOCSPX-" + TAIL[:28],
        "abc8Q~" + TAIL + "xyz",
        *(f"{kind}-" + (TAIL * 2)[:43] for kind in ("session", "operator", "agent")),
    ],
)
def test_a_secret_is_found_wherever_it_stands(secret: str) -> None:
    with transient_settings({"plugins_used": PLUGINS}):
        for line in (f'token = "{secret}"', f"curl -H 'Authorization: Bearer {secret}'", secret):
            kinds = {found.type for found in scan_line(line)}
            assert kinds & {"Provider secret", "SCP credential"}, line


@pytest.mark.parametrize(
    "line",
    [
        "the session-id of a session",
        "an agent-key begins with agent-",
        "x = 1//0",
        'secret = "ya29.short"',
        "https://scp.example/oauth/google/login?request=abc",
    ],
)
def test_what_only_looks_like_one_is_not(line: str) -> None:
    with transient_settings({"plugins_used": PLUGINS}):
        kinds = {found.type for found in scan_line(line)}
        assert not kinds & {"Provider secret", "SCP credential"}


def test_a_secret_that_is_committed_fails_the_gate_without_being_shown(tmp_path: Path) -> None:
    secret = "GOCSPX-" + TAIL
    (tmp_path / "settings.py").write_text(f'x = "{secret}"\n')
    for command in (["init", "-q"], ["add", "settings.py"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)  # noqa: S603, S607
    gate = [sys.executable, str(SCRIPTS / "check_secrets.py")]
    ran = subprocess.run(gate, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603
    assert ran.returncode == 1
    assert "settings.py: Provider secret" in ran.stdout
    assert TAIL not in ran.stdout + ran.stderr
