"""Softmax regression on handwritten digits by stochastic gradient descent with momentum, in plain Python.

It knows nothing of sweep: it takes its hyperparameters as arguments and prints its losses.
"""

import argparse
import csv
import math
import pathlib
import random

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--momentum", type=float, default=0.0)
parser.add_argument("--epochs", type=int, default=6)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

random.seed(args.seed)
with open(pathlib.Path(__file__).parent / "data" / "digits.csv") as file:
    table = list(csv.reader(file))
place = table[0].index("label")
rows = [([float(x) / 16 for i, x in enumerate(row) if i != place], int(row[place])) for row in table[1:501]]
random.shuffle(rows)
train, validation = rows[:350], rows[350:]
inputs, classes = len(rows[0][0]), 10

weights = [[0.0] * (inputs + 1) for _ in range(classes)]
velocity = [[0.0] * (inputs + 1) for _ in range(classes)]


def probabilities(x):
    scores = [w[-1] + sum(a * b for a, b in zip(w, x)) for w in weights]
    top = max(scores)
    powers = [math.exp(score - top) for score in scores]
    total = sum(powers)
    return [power / total for power in powers]


def measure(data):
    loss, right = 0.0, 0
    for x, label in data:
        p = probabilities(x)
        loss -= math.log(max(p[label], 1e-12))
        right += p.index(max(p)) == label
    return loss / len(data), right / len(data)


print(f"{len(train)} training rows, {len(validation)} validation rows, {args}")
for epoch in range(1, args.epochs + 1):
    random.shuffle(train)
    for x, label in train:
        p = probabilities(x)
        for k in range(classes):
            error = p[k] - (k == label)
            w, v = weights[k], velocity[k]
            for i, a in enumerate(x):
                if a or v[i]:
                    v[i] = args.momentum * v[i] - args.lr * error * a
                    w[i] += v[i]
            v[-1] = args.momentum * v[-1] - args.lr * error
            w[-1] += v[-1]
    train_loss, _ = measure(train)
    val_loss, val_accuracy = measure(validation)
    print(f"epoch {epoch}/{args.epochs} train_loss={train_loss:.4f} val_loss={val_loss:.4f} val_accuracy={val_accuracy:.4f}")
