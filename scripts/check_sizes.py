"""Refuse files and functions that have grown too large, and names that say nothing."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_FILE = 400
MAX_FUNCTION = 40
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}


def faults(path: Path) -> Iterator[str]:
    """What is wrong with one file."""
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    if lines > MAX_FILE:
        yield f"{path}: {lines} lines; {MAX_FILE} at most"
    if VAGUE & set(path.stem.split("_")):
        yield f"{path}: the name says nothing"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = lines_of(node) - docstring_lines(node)
            if length > MAX_FUNCTION:
                yield f"{path}:{node.lineno}: {node.name}: {length} lines; {MAX_FUNCTION} at most"


def lines_of(node: ast.stmt) -> int:
    """Lines a statement takes."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the function's docstring, which may be as long as it needs to be."""
    return lines_of(node.body[0]) if ast.get_docstring(node, clean=False) is not None else 0


def main() -> int:
    """Check every Python file git knows of."""
    tracked = ["git", "ls-files", "*.py"]
    listed = subprocess.run(tracked, capture_output=True, text=True, check=True)  # noqa: S603
    found = [fault for name in listed.stdout.split() for fault in faults(Path(name))]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
