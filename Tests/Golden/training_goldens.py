"""Optimisers, schedules, clipping and averaging."""

import math

import numpy as np
import torch
from torch import nn

from goldens import Goldens, draw

STEPS = 12

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "sgd_momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "sgd_nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "sgd_weight_decay": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adam_weight_decay": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01),  # alpha 0.99, epsilon 1e-8, not centred
    "rmsprop_momentum": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.9),
}


def training():
    """Parameters a [5, 4] and b [4], the same 12 gradients for every optimiser; betas 0.9 and 0.999, epsilon 1e-8.

    initial/<p>, grads/<step>/<p>, <optimizer>/<step>/<p>: the value after that step; steps count from 0
    schedule/<name>          [100]: the factor on the peak rate in steps 0 … 99 of 100, 10 of them warm-up
    clip/in/<p>, clip/norm   clip_<max norm>/<p>: after clipping to the global norm 1, and 100 (nothing happens)
    ema/<step>/<p>           moving average with decay 0.9 of adam's values, begun at initial/<p>
    """
    goldens = Goldens()
    put = goldens.put
    initial = {"a": draw(5, 4), "b": draw(4)}
    gradients = [{"a": draw(5, 4), "b": draw(4)} for _ in range(STEPS)]
    for key, value in initial.items():
        put(f"initial/{key}", value)
    for step, gradient in enumerate(gradients):
        for key, value in gradient.items():
            put(f"grads/{step}/{key}", value)

    for name, make in OPTIMIZERS.items():
        parameters = {key: nn.Parameter(value.clone()) for key, value in initial.items()}
        average = {key: value.clone() for key, value in initial.items()}
        optimizer = make(list(parameters.values()))
        for step, gradient in enumerate(gradients):
            for key, parameter in parameters.items():
                parameter.grad = gradient[key].clone()
            optimizer.step()
            for key, parameter in parameters.items():
                put(f"{name}/{step}/{key}", parameter)
                if name == "adam":
                    average[key] = 0.9 * average[key] + 0.1 * parameter.detach()
                    put(f"ema/{step}/{key}", average[key])

    for name, factors in schedules().items():
        put(f"schedule/{name}", np.array(factors, dtype=np.float64))

    gradient = gradients[0]
    for key, value in gradient.items():
        put(f"clip/in/{key}", value)
    for maximum in (1, 100):
        parameters = {key: nn.Parameter(torch.zeros_like(value)) for key, value in gradient.items()}
        for key, parameter in parameters.items():
            parameter.grad = gradient[key].clone()
        norm = nn.utils.clip_grad_norm_(list(parameters.values()), maximum)
        put("clip/norm", norm)
        for key, parameter in parameters.items():
            put(f"clip_{maximum}/{key}", parameter.grad)
    goldens.save("training.safetensors")


def schedules(total=100, warmup=10):
    """transformers' get_{constant,linear,cosine}_schedule_with_warmup; PyTorch's OneCycleLR over max_lr."""
    rise = lambda step: step / max(1, warmup)
    part = lambda step: (step - warmup) / max(1, total - warmup)
    table = {
        "constant_warmup": [rise(s) if s < warmup else 1.0 for s in range(total)],
        "linear": [rise(s) if s < warmup else max(0.0, 1 - part(s)) for s in range(total)],
        "cosine": [rise(s) if s < warmup else max(0.0, 0.5 * (1 + math.cos(math.pi * part(s)))) for s in range(total)],
    }
    for name, anneal in [("one_cycle", "cos"), ("one_cycle_linear", "linear")]:
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
        # The defaults: 30 % of the steps rise from max / 25, then down to max / 25 / 10,000.
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=total, anneal_strategy=anneal)
        table[name] = []
        for _ in range(total):
            table[name].append(schedule.get_last_lr()[0])
            optimizer.step()
            if len(table[name]) < total:
                schedule.step()
    return table
