"""The measured figures as a table."""

from collections.abc import Mapping


def report(medians: Mapping[str, Mapping[str, float]], runs: int) -> str:
    """A line for each case, a figure for each server: medians of so many runs."""
    lines = [f"medians of {runs} runs"]
    for name, of in medians.items():
        lines.append(f"{name:50}" + "".join(f"{k}={v:12.2f} " for k, v in of.items()))
    return "\n".join(lines)
