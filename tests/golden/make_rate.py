#!/usr/bin/python3
"""Writes rate.txt: learning rates by Caffe's formulas, evaluated in Python.

    python3 make_rate.py > rate.txt

A line "rate policy base gamma power period steps warmup at..." begins a schedule; "sum n s" is the
sum over the first n steps, "at step value" one of them.
"""
import math


def falls(t, at):
    return sum(1 for a in at if a <= t)


def left(t, total):
    return 1 - t / total if t < total else 0.0


FACTOR = {
    "constant": lambda r, t: 1.0,
    "step": lambda r, t: r["gamma"] ** (t // r["period"]),
    "multistep": lambda r, t: r["gamma"] ** falls(t, r["at"]),
    "exp": lambda r, t: r["gamma"] ** t,
    "inv": lambda r, t: (1 + r["gamma"] * t) ** -r["power"],
    "poly": lambda r, t: left(t, r["steps"] - r["warmup"]) ** r["power"],
    "sigmoid": lambda r, t: 1 / (1 + math.exp(-r["gamma"] * (t - r["period"]))),
    "cosine": lambda r, t: 0.5 + 0.5 * math.cos(math.pi * (1 - left(t, r["steps"] - r["warmup"]))),
}


def rate(policy, r, step):
    if step < r["warmup"]:
        return r["base"] * (step + 1) / r["warmup"]
    return r["base"] * FACTOR[policy](r, step - r["warmup"])


DEFAULTS = {"base": 0.01, "gamma": 0, "power": 0, "period": 0, "steps": 0, "warmup": 0, "at": []}
CASES = [
    ("constant", {}),
    ("constant", {"warmup": 500}),
    ("step", {"gamma": 0.1, "period": 1000}),  # CaffeNet's, shortened
    ("step", {"gamma": 0.96, "period": 7, "warmup": 13}),
    ("multistep", {"gamma": 0.5, "at": [1000, 1500, 4999]}),
    ("multistep", {"gamma": 0.3, "at": [0, 1, 2], "warmup": 5}),  # the first fall at once
    ("multistep", {"gamma": 0.9, "at": list(range(10, 170, 10))}),  # as many as there may be
    ("exp", {"gamma": 0.999}),
    ("inv", {"gamma": 1e-4, "power": 0.75}),  # Caffe's LeNet
    ("poly", {"power": 2, "steps": 4000}),
    ("poly", {"power": 0.5, "steps": 4000, "warmup": 1000}),
    ("poly", {"power": 1, "steps": 100, "warmup": 100}),  # all of the run is warm-up
    ("poly", {"power": 1, "steps": 100, "warmup": 300}),  # a warm-up longer than the run
    ("sigmoid", {"gamma": -0.01, "period": 1000}),  # falls
    ("sigmoid", {"gamma": 0.01, "period": 1000, "warmup": 50}),  # rises
    ("cosine", {"steps": 4000}),
    ("cosine", {"steps": 4000, "warmup": 200}),
    ("cosine", {"steps": 1}),
]
STEPS = 5000

for policy, opts in CASES:
    r = {**DEFAULTS, **opts}
    print("rate", policy, *(r[k] for k in ("base", "gamma", "power", "period", "steps", "warmup")),
          *r["at"])
    print("sum", STEPS, f"{math.fsum(rate(policy, r, t) for t in range(STEPS)):.12g}")
    corners = {0, 1, 2, r["warmup"], r["warmup"] + r["period"], r["steps"], r["steps"] + 100, STEPS}
    corners |= {r["warmup"] + a for a in r["at"]}
    corners |= {c - 1 for c in corners} | {c + 1 for c in corners}
    for step in sorted(c for c in corners if c >= 0):
        print("at", step, f"{rate(policy, r, step):.12g}")
