"""Steps per second of JAX in float64, jitted, on the workloads of benches/trainers.py.

Usage: trainers_jax.py DIGITS.csv [SECONDS]. One line a workload: name steps/s(wall) steps/s(cpu) check.
All steps of a run are one compiled `lax.scan` (compilation is not timed). Mini-batches: a new permutation for every
epoch inside the compiled loop, rows gathered in it; the 5 rows that do not fill a batch are left out (shapes are fixed).
"""

import functools
import math
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

jax.config.update("jax_enable_x64", True)


def digits(path):
    data = np.loadtxt(path, delimiter=",", skiprows=1)
    x, y = data[:, :64], data[:, 64].astype(np.int32)
    deviation = x.std(axis=0)
    deviation[deviation < 1e-10] = 1.0
    return jnp.asarray((x - x.mean(axis=0)) / deviation), jnp.asarray(y)


def loss(params, hidden, x, y):
    h = x
    if hidden is not None:
        h = x @ params[0] + params[1]
        h = jax.nn.relu(h) if hidden == "relu" else jnp.tanh(h)
    z = h @ params[-2] + params[-1]
    return jnp.mean(jax.nn.logsumexp(z, axis=1) - jnp.take_along_axis(z, y[:, None], axis=1)[:, 0])


def start(hidden):
    if hidden is None:
        return [jnp.zeros((64, 10)), jnp.zeros(10)]
    t = 0.2 * jnp.sin(jnp.arange(1.0, 64 * 32 + 32 + 32 * 10 + 10 + 1))
    return [t[:2048].reshape(64, 32), t[2048:2080], t[2080:2400].reshape(32, 10), t[2400:]]


def descend(params, hidden, x, y):
    return [p - 0.1 * g for p, g in zip(params, jax.grad(loss)(params, hidden, x, y))]


@functools.partial(jax.jit, static_argnums=(1, 2))
def run_full(params, hidden, steps, x, y):
    return lax.scan(lambda p, _: (descend(p, hidden, x, y), None), params, None, length=steps)[0]


@functools.partial(jax.jit, static_argnums=(1, 2))
def run_batches(params, hidden, epochs, x, y, key):
    per = len(y) // 32

    def epoch(p, key):
        order = jax.random.permutation(key, len(y))[: per * 32].reshape(per, 32)
        return lax.scan(lambda p, rows: (descend(p, hidden, x[rows], y[rows]), None), p, order)[0], None

    return lax.scan(epoch, params, jax.random.split(key, epochs))[0]


@functools.partial(jax.jit, static_argnums=(1,))
def run_quadratic(theta, steps):
    objective = lambda theta: jnp.mean(theta * theta)
    return lax.scan(lambda t, _: (t - 0.01 * jax.grad(objective)(t), None), theta, None, length=steps)[0]


def main():
    x, y = digits(sys.argv[1])
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 0.3
    per = len(y) // 32
    for name, hidden, batch, check in [
        ("quadratic", None, None, 1000),
        ("softmax_b32", None, 32, 36 * per),
        ("mlp_relu_b32", "relu", 32, 36 * per),
        ("mlp_tanh_b32", "tanh", 32, 36 * per),
        ("softmax_full", None, None, 50),
        ("mlp_relu_full", "relu", None, 50),
        ("mlp_tanh_full", "tanh", None, 50),
    ]:
        if name == "quadratic":
            theta = jnp.ones(1000)
            run = lambda steps: run_quadratic(theta, steps)
            value = lambda theta: jnp.mean(theta * theta)
        elif batch:
            params, key = start(hidden), jax.random.key(1)
            run = lambda steps: run_batches(params, hidden, steps // per, x, y, key)
            value = lambda params: loss(params, hidden, x, y)
        else:
            params = start(hidden)
            run = lambda steps: run_full(params, hidden, steps, x, y)
            value = lambda params: loss(params, hidden, x, y)
        result = float(value(jax.block_until_ready(run(check))))
        clock = time.perf_counter()
        jax.block_until_ready(run(check))
        steps = math.ceil(check * seconds / (time.perf_counter() - clock))
        steps = math.ceil(steps / per) * per if batch else steps
        jax.block_until_ready(run(steps))
        wall, cpu = time.perf_counter(), time.process_time()
        jax.block_until_ready(run(steps))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f"{name} {steps / wall:.1f} {steps / cpu:.1f} {result:.12f}", flush=True)


main()
