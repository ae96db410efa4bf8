"""All quantities of one network, as arrays and numbers."""

from typing import Any

import numpy as np
import torch

from landscape.data.batches import normalized
from landscape.insight.attribution import grad_cam, integrated_gradients
from landscape.insight.calibration import calibration_error, reliability
from landscape.insight.confusion import class_accuracy, confusion
from landscape.insight.convolutions import convolutions
from landscape.insight.embedding import principal_plane
from landscape.insight.features import feature_maps, penultimate
from landscape.insight.filters import first_filters, shown
from landscape.insight.mistakes import most_confident_mistakes
from landscape.insight.robustness import robustness
from landscape.insight.test_images import Arrays, Subject
from landscape.measure.accuracy import predictions
from landscape.models.network import Network

Numbers = dict[str, Any]


def look(model: Network, subject: Subject) -> tuple[Arrays, Numbers]:
    """Arrays and numbers of one network."""
    filters = first_filters(model)
    arrays: Arrays = {"filters": shown(filters.weights)}
    numbers: Numbers = {"filter_layer": filters.layer, "filter_kind": filters.kind}
    for part in (_maps, _judged, _disturbed):
        more, said = part(model, subject)
        arrays, numbers = arrays | more, numbers | said
    return arrays, numbers


def _maps(model: Network, subject: Subject) -> tuple[Arrays, Numbers]:
    """Feature maps, attributions for the true class, and the features in a plane."""
    inputs = normalized(subject.few.pixels.to(subject.device))
    labels = subject.few.labels.to(subject.device)
    with torch.no_grad():
        confidence, predicted = model(inputs).double().softmax(1).max(1)
    maps = feature_maps(model, inputs[:1])
    arrays: Arrays = {f"features/{place}": array for place, array in enumerate(maps.values())}
    layers = convolutions(model, inputs[:1])
    if layers:
        arrays["grad_cam"] = grad_cam(model, layers[-1].module, inputs, labels)
    arrays["integrated_gradients"], missed = integrated_gradients(model, inputs, labels)
    features = penultimate(model, subject.batches(subject.part))
    arrays["embedding"], shares = principal_plane(features)
    return arrays, {
        "feature_layers": list(maps),
        "grad_cam_layer": layers[-1].name if layers else None,
        "attributed": {"predicted": predicted.tolist(), "confidence": confidence.tolist()},
        "integrated_gradients_missed": missed.tolist(),
        "embedding_variance": shares,
    }


def _judged(model: Network, subject: Subject) -> tuple[Arrays, Numbers]:
    """Results on all test images: confusion, calibration, accuracy by class, worst mistakes."""
    labels = subject.all.labels
    logits = predictions(model, subject.batches(subject.all)).cpu()
    matrix = confusion(logits, labels)
    bins = reliability(logits, labels)
    mistakes = most_confident_mistakes(logits, labels)
    shown_mistakes = subject.all.pixels[torch.tensor(mistakes["image"].to_list(), dtype=torch.long)]
    return {"mistakes": shown_mistakes.numpy()}, {
        "accuracy": float(np.diag(matrix).sum() / matrix.sum()),
        "class_accuracy": class_accuracy(matrix).tolist(),
        "confusion": matrix.tolist(),
        "calibration_error": calibration_error(bins),
        "reliability": bins.to_dict("list"),
        "mistakes": mistakes.to_dict("list"),
    }


def _disturbed(model: Network, subject: Subject) -> tuple[Arrays, Numbers]:
    table = robustness(model, subject.part, subject.disturbed, subject.device)
    rows = table.astype(object).where(table.notna(), None)
    return {}, {"robustness": rows.to_dict("list")}
