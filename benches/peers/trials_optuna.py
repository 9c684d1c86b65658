#!/usr/bin/env python3
"""Trials that do nothing, in Optuna: `trials_optuna.py memory|default|journal|sqlite TRIALS FOLDER` prints the seconds.

The three floats of the sweep that it is compared with, drawn at random (Optuna's cheapest sampler; `default` is in
memory with the sampler that a study has when nothing is said), an objective that returns a constant, logging off, one
trial after the other. What is timed is `create_study` and `optimize`: not the start of Python and not the import.
"""

import pathlib
import sys
import time

import optuna


def objective(trial):
    trial.suggest_float("lr", 1e-4, 1.0, log=True)
    trial.suggest_float("l1", 0.0, 0.1)
    trial.suggest_float("l2", 0.0, 0.1)
    return 1.0


def storage(kind, folder):
    if kind in ("memory", "default"):
        return optuna.storages.InMemoryStorage()
    if kind == "journal":
        backend = optuna.storages.journal.JournalFileBackend(str(folder / "journal.log"))
        return optuna.storages.JournalStorage(backend)
    return f"sqlite:///{folder / 'optuna.db'}"


def main():
    kind, trials, folder = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    start = time.perf_counter()
    sampler = None if kind == "default" else optuna.samplers.RandomSampler(seed=1)
    study = optuna.create_study(storage=storage(kind, folder), sampler=sampler)
    study.optimize(objective, n_trials=trials)
    print(time.perf_counter() - start)


main()
