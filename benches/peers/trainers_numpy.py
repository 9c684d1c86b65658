"""Steps per second of NumPy, in place, on the workloads of benches/trainers.py.

Usage: trainers_numpy.py DIGITS.csv [SECONDS]. One line a workload: name steps/s(wall) steps/s(cpu) check.
All products and functions write into arrays made before the loop. Mini-batches: a new permutation for every epoch, rows
copied together by `take`, the last batch short.
"""

import math
import sys
import time

import numpy as np


def digits(path):
    data = np.loadtxt(path, delimiter=",", skiprows=1)
    x, y = data[:, :64], data[:, 64].astype(np.int64)
    deviation = x.std(axis=0)
    deviation[deviation < 1e-10] = 1.0
    return np.ascontiguousarray((x - x.mean(axis=0)) / deviation), y


class Net:
    """Softmax regression (hidden is None) or a perceptron of 64-32-10; updates in place."""

    def __init__(self, hidden, rows):
        self.hidden = hidden
        if hidden is None:
            self.params = [np.zeros((64, 10)), np.zeros(10)]
        else:
            start = 0.2 * np.sin(np.arange(1, 64 * 32 + 32 + 32 * 10 + 10 + 1, dtype=float))
            self.params = [start[:2048].reshape(64, 32).copy(), start[2048:2080].copy(),
                           start[2080:2400].reshape(32, 10).copy(), start[2400:].copy()]
        self.grads = [np.empty_like(p) for p in self.params]
        self.z = np.empty((rows, 10))
        self.reduced = np.empty((rows, 1))
        if hidden is not None:
            self.h, self.dh, self.t = np.empty((rows, 32)), np.empty((rows, 32)), np.empty((rows, 32))
        self.index = np.arange(rows)

    def step(self, x, y, lr):
        m = len(y)
        z, reduced = self.z[:m], self.reduced[:m]
        if self.hidden is None:
            w2, b2 = self.params
            g2, gb2 = self.grads
            h = x
        else:
            w1, b1, w2, b2 = self.params
            g1, gb1, g2, gb2 = self.grads
            h, dh, t = self.h[:m], self.dh[:m], self.t[:m]
            np.matmul(x, w1, out=h)
            h += b1
            if self.hidden == "relu":
                np.maximum(h, 0.0, out=h)
            else:
                np.tanh(h, out=h)
        np.matmul(h, w2, out=z)
        z += b2
        np.max(z, axis=1, keepdims=True, out=reduced)
        z -= reduced
        np.exp(z, out=z)
        np.sum(z, axis=1, keepdims=True, out=reduced)
        reduced *= m
        z /= reduced
        z[self.index[:m], y] -= 1.0 / m
        np.matmul(h.T, z, out=g2)
        np.sum(z, axis=0, out=gb2)
        if self.hidden is not None:
            np.matmul(z, w2.T, out=dh)
            if self.hidden == "relu":
                np.sign(h, out=t)
            else:
                np.multiply(h, h, out=t)
                np.subtract(1.0, t, out=t)
            dh *= t
            np.matmul(x.T, dh, out=g1)
            np.sum(dh, axis=0, out=gb1)
        for p, g in zip(self.params, self.grads):
            g *= lr
            p -= g

    def loss(self, x, y):
        h = x
        if self.hidden is not None:
            h = x @ self.params[0] + self.params[1]
            h = np.maximum(h, 0.0) if self.hidden == "relu" else np.tanh(h)
        z = h @ self.params[-2] + self.params[-1]
        top = z.max(axis=1)
        return float(np.mean(top + np.log(np.exp(z - top[:, None]).sum(axis=1)) - z[np.arange(len(y)), y]))


def run_quadratic(steps):
    theta, move = np.ones(1000), np.empty(1000)
    for _ in range(steps):
        np.multiply(theta, 0.01 * 2.0 / 1000, out=move)
        np.subtract(theta, move, out=theta)
    return float(np.mean(theta * theta))


def run_net(hidden, batch, steps, x, y):
    n = len(y)
    net = Net(hidden, batch or n)
    if batch is None:
        for _ in range(steps):
            net.step(x, y, 0.1)
        return net.loss(x, y)
    rng = np.random.default_rng(1)
    xb, yb = np.empty((batch, 64)), np.empty(batch, dtype=np.int64)
    at = n
    for _ in range(steps):
        if at == n:
            order, at = rng.permutation(n), 0
        rows = order[at:at + batch]
        at += len(rows)
        np.take(x, rows, axis=0, out=xb[:len(rows)], mode="clip")
        np.take(y, rows, out=yb[:len(rows)], mode="clip")
        net.step(xb[:len(rows)], yb[:len(rows)], 0.1)
    return net.loss(x, y)


def main():
    x, y = digits(sys.argv[1])
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 0.3
    for name, run, check in [
        ("quadratic", run_quadratic, 1000),
        ("softmax_b32", lambda steps: run_net(None, 32, steps, x, y), 2000),
        ("mlp_relu_b32", lambda steps: run_net("relu", 32, steps, x, y), 2000),
        ("mlp_tanh_b32", lambda steps: run_net("tanh", 32, steps, x, y), 2000),
        ("softmax_full", lambda steps: run_net(None, None, steps, x, y), 50),
        ("mlp_relu_full", lambda steps: run_net("relu", None, steps, x, y), 50),
        ("mlp_tanh_full", lambda steps: run_net("tanh", None, steps, x, y), 50),
    ]:
        start = time.perf_counter()
        value = run(check)
        steps = math.ceil(check * seconds / (time.perf_counter() - start))
        wall, cpu = time.perf_counter(), time.process_time()
        run(steps)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f"{name} {steps / wall:.1f} {steps / cpu:.1f} {value:.12f}", flush=True)


main()
