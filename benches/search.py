#!/usr/bin/env python3
"""The search beside those of other libraries, on problems that are not ours. Prints tables.

    python3 benches/search.py --harness FOLDER [--sweep PROGRAM] [--peers optuna_tpe,optuna_gp] [--seeds 0-4] [--keep FOLDER]
                             [--tasks GROUP]

FOLDER holds a harness that speaks the protocol of `sweep suggest` (harness.py, report.py, problems.py, drivers/). It is run in a
virtual environment of its own, which is made in the folder that is kept (a temporary one by default); the peers and `sweep`
run one after the other, one trial at a time, in the same call. optuna_gp needs torch, which is large. With `--tasks open` or `--tasks kept`
the problems are not the harness's own but those of that group in tasks/scikit_learn.py.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = ["numpy==2.4.6", "scipy==1.17.1", "pandas==3.1.1", "scikit-learn==1.9.1", "optuna==5.0.0"]


def add_tasks(harness, group, python):
    """Puts our tasks in the place of the harness's problems; their names, with commas between them."""
    shutil.copy(ROOT / "benches/tasks/scikit_learn.py", harness)
    registry = harness / "problems.py"
    text = registry.read_text()
    if "scikit_learn" not in text:
        ours = f"REG.clear()\nimport scikit_learn\nfor _name in [n for n, p in REG.items() if p.group != {group!r}]:\n    del REG[_name]\n"
        ours += "for _problem in REG.values():\n    _problem.group, _problem._best = 'open', None\n\n\n"
        registry.write_text(text.replace("def get(name):", ours + "def get(name):", 1))
        # The harness says a best known for its own problems only.
        (harness / "data/best_known.json").unlink(missing_ok=True)
    listing = "import problems; print(','.join(problems.names()))"
    return subprocess.run([python, "-W", "ignore", "-c", listing], cwd=harness, check=True, capture_output=True, text=True).stdout.strip()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--harness", required=True, type=pathlib.Path)
    parser.add_argument("--sweep", default=ROOT / "target/release/sweep", type=pathlib.Path)
    parser.add_argument("--peers", default="optuna_tpe,optuna_gp")
    parser.add_argument("--seeds", default="0-4")
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--tasks", choices=["open", "kept"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.keep or pathlib.Path(temporary)).resolve()
        shutil.copytree(options.harness, folder / "harness", dirs_exist_ok=True, ignore=shutil.ignore_patterns("results"))
        subprocess.run(["chmod", "-R", "u+w", folder / "harness"], check=True)
        peers = [peer for peer in options.peers.split(",") if peer]
        python = folder / "harness/venv/bin/python"
        if not python.exists():
            subprocess.run(["python3", "-m", "venv", folder / "harness/venv"], check=True)
            packages = PACKAGES + (["torch"] if "optuna_gp" in peers else [])
            subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
            # The drivers name two environments; here they are one.
            (folder / "harness/venv_torch").symlink_to("venv")
        problems = add_tasks(folder / "harness", options.tasks, python) if options.tasks else "all"
        environment = os.environ | {"REGRET_RESULTS": str(folder / "results")}
        (folder / "results").mkdir(exist_ok=True)
        harness = [python, "harness.py", "run", "--budget", "100", "--problems", problems]
        sweep = f"{options.sweep.resolve()} suggest"
        runs = [["--driver", "random", "--seeds", "0-7"], *(["--driver", peer, "--seeds", options.seeds] for peer in peers)]
        runs.append(["--driver", "exec", "--name", "sweep", "--cmd", sweep, "--reuse", "--seeds", options.seeds])
        for run in runs:
            subprocess.run([*harness, *run], cwd=folder / "harness", env=environment, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([python, "report.py"], cwd=folder / "harness", env=environment, check=True, stdout=subprocess.DEVNULL)
        print((folder / "results/tables/TABLES.md").read_text())


main()
