"""Fills in the output in README.md and docs/queries.md by running their commands, and draws docs/run.svg from one of them.

    python3 docs/tour.py            # writes the pages and docs/run.svg
    python3 docs/tour.py --check    # runs the commands and says whether the pages still tell the truth

Between `<!-- run: COMMAND -->` and `<!-- end -->` goes what the command prints, between `<!-- file: PATH -->` and
`<!-- end -->` the file; a command in `<!-- setup: COMMAND -->` only runs. The program is target/debug/sweep, run in a temporary folder with a copy of sweeps/.
Times differ from run to run: `--check` leaves them out of the comparison.
"""

import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MARK = re.compile(r"<!-- (run|file|setup): (.+?) -->\n(.*?)<!-- end -->", re.S)
PAGES = ["README.md", "docs/queries.md"]
PICTURE = "sweep run sweeps/grid.yaml"


def run(command: str, folder: Path) -> str:
    """What a command prints, standard error included."""
    path = f"{ROOT / 'target/debug'}:{os.environ['PATH']}"
    env = {k: v for k, v in os.environ.items() if k != "SWEEP_DB"} | {"PATH": path, "COLUMNS": "110", "NO_COLOR": "1"}
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout.rstrip("\n")


def block(kind: str, what: str, folder: Path) -> str:
    """The code block for one mark."""
    if kind == "file":
        return f"```yaml\n{(ROOT / what).read_text().rstrip()}\n```\n"
    output = run(what, folder)
    if kind == "setup":
        return ""
    return f"```text\n$ {what}\n{output}\n```\n"


def stable(text: str) -> str:
    """Text without what changes from run to run: lengths of time, times of day, spaces."""
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
    text = re.sub(r"[\d.]+ (ms|us|s)\b", "SPAN", text)
    # Lines of a comparison, and of a trial, that are lengths of time.
    text = re.sub(r"(?m)(took|seconds|steps_per_second) +[\d.e-]+.*$", r"\1 N", text)
    text = re.sub(r"\b[\d.]+e-\d\b", "N", text)
    # Columns of seconds hold small numbers with many digits.
    text = re.sub(r"\b0\.0[01]\d+\b|(?m:\b0\.\d{3}$)", "N", text)
    return re.sub(r"[ \n]+", " ", text)


def picture(command: str, output: str) -> str:
    """A terminal with the output of a command, as SVG."""
    lines = [f"$ {command}", *output.splitlines()]
    width, line = max(len(text) for text in lines) * 8.45 + 48, 18
    height = len(lines) * line + 64
    rows = []
    for i, text in enumerate(lines):
        colour = "#e6edf3" if i else "#7ee787"
        if text.startswith("warning"):
            colour = "#f0c36a"
        rows.append(f'<text x="24" y="{52 + i * line}" fill="{colour}" xml:space="preserve">{html.escape(text)}</text>')
    dots = "".join(f'<circle cx="{24 + 18 * i}" cy="20" r="5.5" fill="{c}"/>' for i, c in enumerate(["#ff5f56", "#ffbd2e", "#27c93f"]))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}" '
        'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="14">'
        f'<rect width="100%" height="100%" rx="10" fill="#0d1117"/>{dots}{"".join(rows)}</svg>\n'
    )


def filled(page: str, outputs: dict[str, str]) -> tuple[str, str]:
    """A page as it is, and as it is with what its commands print now."""
    before = (ROOT / page).read_text()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "sweeps", folder / "sweeps")

        def fill(match: re.Match) -> str:
            kind, what = match[1], match[2]
            text = block(kind, what, folder)
            outputs[what] = text
            return f"<!-- {kind}: {what} -->\n{text}<!-- end -->"

        return before, MARK.sub(fill, before)


def main() -> int:
    outputs: dict[str, str] = {}
    wrong = 0
    for page in PAGES:
        before, after = filled(page, outputs)
        if "--check" not in sys.argv:
            (ROOT / page).write_text(after)
            continue
        for old, new in zip(MARK.finditer(before), MARK.finditer(after)):
            if stable(old[3]) != stable(new[3]):
                wrong += 1
                print(f"{page} differs: {old[2]}\n--- page\n{old[3]}\n--- now\n{new[3]}")
    if "--check" in sys.argv:
        print("the pages are true" if wrong == 0 else f"{wrong} differ")
        return min(wrong, 1)
    shown = outputs[PICTURE].split("\n", 2)[2].rsplit("\n```", 1)[0]
    (ROOT / "docs/run.svg").write_text(picture(PICTURE, shown))
    return 0


sys.exit(main())
