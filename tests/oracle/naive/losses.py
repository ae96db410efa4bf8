"""What is minimized, by formula."""

import torch


def probabilities(targets, classes=10):
    if targets.ndim == 2:
        return targets
    return torch.eye(classes, dtype=torch.float64)[targets]


def loss(settings, logits, targets):
    """The mean over the batch; targets are classes or probabilities."""
    aim = probabilities(targets)
    log_p = logits - torch.logsumexp(logits, 1, keepdim=True)
    if settings["name"] == "cross_entropy":
        smoothing = settings["label_smoothing"]
        aim = (1 - smoothing) * aim + smoothing / 10
        each = -(aim * log_p).sum(1)
    elif settings["name"] == "focal":
        rest = (-torch.expm1(log_p)).clamp(min=1e-38)
        each = -(aim * rest ** settings["focusing"] * log_p).sum(1)
    else:
        each = ((logits - aim) ** 2).sum(1)
    return each.sum() / len(each)


def correct(logits, targets):
    """How many images have their (larger) class for the largest logit."""
    right = 0
    for image, row in enumerate(logits.tolist()):
        goal = targets[image].tolist()
        goal = goal.index(max(goal)) if isinstance(goal, list) else goal
        right += row.index(max(row)) == goal
    return right
