"""The network of plain tensors, with torch's own layers, backward passes and optimizer."""

import math

import torch
from torch import nn

from oracle.naive.chance import generator
from oracle.naive.images import batch, batches_per_epoch
from oracle.naive.losses import correct
from oracle.naive.training import scores


def network(run):
    filters, inputs, layers = run["filters"], 3, []
    for outputs in (filters, 2 * filters, 4 * filters):
        convolution = nn.Conv2d(inputs, outputs, 3, padding=1)
        layers += [convolution, nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]
        inputs = outputs
    layers += [nn.Flatten(), nn.Linear(16 * inputs, run["neurons"]), nn.ReLU()]
    made = nn.Sequential(*layers, nn.Linear(run["neurons"], 10))
    source = generator(run["seed"], "weights")
    for module in made:
        if isinstance(module, nn.Conv2d | nn.Linear):
            he = math.sqrt(2 / module.weight[0].numel())
            drawn = torch.randn(module.weight.shape, generator=source) * he
            module.weight.data = drawn
            if module.bias is not None:
                module.bias.data.zero_()
    return made.double().to(memory_format=torch.channels_last)


def walk(run, images):
    """Rows of steps.parquet and epochs.csv, and what is said of the test images."""
    made, count = network(run), len(images.train[1])
    per_epoch = batches_per_epoch(run, count)
    steps = per_epoch * run["epochs"]
    settings = {"momentum": run["momentum"], "weight_decay": run["weight_decay"]}
    optimizer = torch.optim.SGD(made.parameters(), run["learning_rate"], nesterov=True, **settings)
    rows, epochs = [], []
    for step in range(steps):
        warm = steps // 10
        share = (step + 1) / (warm + 1) if step < warm else (steps - step) / (steps - warm)
        optimizer.param_groups[0]["lr"] = run["learning_rate"] * share
        inputs, labels = batch(run, images, step)
        made.train()
        logits = made(inputs)
        value = nn.functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        row = {"step": step, "epoch": step // per_epoch + 1, "loss": float(value.detach())}
        rows.append({**row, "correct": correct(logits, labels), "images": len(labels)})
        if (step + 1) % per_epoch == 0:
            part = rows[-per_epoch:]
            seen = sum(row["images"] for row in part)
            epochs.append(
                {
                    "epoch": row["epoch"],
                    "train_loss": sum(row["loss"] * row["images"] for row in part) / seen,
                    "train_accuracy": sum(row["correct"] for row in part) / seen,
                    "validation_accuracy": scores(made, made.state_dict(), images.validation)[1],
                }
            )
    return {
        "parameters": sum(p.numel() for p in made.parameters()),
        "steps.parquet": [{k: v for k, v in row.items() if k != "images"} for row in rows],
        "epochs.csv": epochs,
        "test": scores(made, made.state_dict(), images.test),
    }
