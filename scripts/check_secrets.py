"""No secret is committed: detect-secrets and our own patterns over every tracked file.

What is known to be none is in `secrets_baseline.json`: per file, what it looks like and its hash.
`--write` takes all that is found now as known: look at the difference before you commit it.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import get_plugins, transient_settings

HERE = Path(__file__).parent
BASELINE = HERE / "secrets_baseline.json"
# Lists of hashes, and what is written from other files.
SKIPPED = ("requirements/", "schema/", "tests/js/package-lock.json", str(BASELINE.name))
PLUGINS = [
    *[{"name": f"{name}Detector"} for name in ("AWSKey", "BasicAuth", "GitHubToken", "JwtToken")],
    {"name": "PrivateKeyDetector"},
    {"name": "KeywordDetector"},
    {"name": "Base64HighEntropyString", "limit": 4.5},
    {"name": "HexHighEntropyString", "limit": 3.0},
    *[
        {"name": name, "path": f"file://{HERE / 'secret_patterns.py'}"}
        for name in ("ProviderSecretDetector", "OwnCredentialDetector")
    ],
]
Found = dict[str, list[list[str]]]


def main() -> int:
    """Print what is new; 1 when there is something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="take what is found as known")
    found = scanned(tracked())
    if parser.parse_args().write:
        BASELINE.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        return 0
    known: Found = json.loads(BASELINE.read_text(encoding="utf-8"))
    new = [
        f"{path}: {kind}"
        for path, entries in found.items()
        for kind, digest in entries
        if [kind, digest] not in known.get(path, [])
    ]
    for line in new:
        print(f"A secret? {line}. If it is none: scripts/check_secrets.py --write")
    return 1 if new else 0


def tracked() -> list[str]:
    """Every file of the repository that is read by people."""
    listed = subprocess.run(
        ["git", "ls-files"],  # noqa: S607  (the developer's own)
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for path in listed.stdout.splitlines() if not path.startswith(SKIPPED)]


def scanned(paths: list[str]) -> Found:
    """What looks like a secret, by file: its kind and its hash, never itself."""
    secrets = SecretsCollection()
    with transient_settings({"plugins_used": PLUGINS}):
        if len(get_plugins()) != len(PLUGINS):
            raise SystemExit("detect-secrets does not know all of the plugins.")
        secrets.scan_files(*(path for path in paths if not path.endswith(SKIPPED)))
    return {
        path: sorted([one.type, one.secret_hash] for one in secrets[path])
        for path in sorted(secrets.files)
    }


if __name__ == "__main__":
    sys.exit(main())
