"""Calibration: whether 80 % of predictions with 80 % confidence are right (Guo et al. 2017)."""

import numpy as np
import pandas as pd
import torch

BINS = 15  # equally wide: (0, 1/15], …, (14/15, 1]


def reliability(logits: torch.Tensor, labels: torch.Tensor) -> pd.DataFrame:
    """The bins that have images, by the confidence max softmax z of `logits` [N, C].

    Columns low and high (the bin), images (how many), confidence and accuracy (their means).
    """
    confidence, predicted = logits.double().softmax(1).max(1)
    edges = torch.linspace(0, 1, BINS + 1, dtype=torch.float64)
    table = pd.DataFrame(
        {
            "bin": torch.bucketize(confidence, edges).numpy() - 1,
            "confidence": confidence.numpy(),
            "accuracy": (predicted == labels).double().numpy(),
        }
    )
    bins = table.groupby("bin").mean()
    places = np.asarray(bins.index)
    bins.insert(0, "low", edges.numpy()[places])
    bins.insert(1, "high", edges.numpy()[places + 1])
    bins.insert(2, "images", table.groupby("bin").size())
    return bins.reset_index(drop=True)


def calibration_error(bins: pd.DataFrame) -> float:
    """ECE = Σ_b n_b/N · |accuracy_b - confidence_b| of the bins of `reliability`.

    torchmetrics computes the same, but with a separate 16th bin for a confidence of exactly 1, to
    which float32 often rounds.
    """
    gaps = (bins["accuracy"] - bins["confidence"]).abs()
    return float((bins["images"] * gaps).sum() / bins["images"].sum())
