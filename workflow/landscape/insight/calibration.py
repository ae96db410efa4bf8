"""Whether a confidence of 80 % is right in 80 of 100 cases (Guo et al. 2017)."""

import numpy as np
import pandas as pd
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

BINS = 15  # equally wide, over [0, 1]
BELOW_ONE = 1 - 2.0**-53  # torchmetrics would count confidences of exactly 1 as a 16th bin


def calibration_error(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """ECE = Σ_b n_b/N · |accuracy_b - mean confidence_b| over 15 bins of the top confidence."""
    probabilities = logits.double().softmax(1).clamp(max=BELOW_ONE)
    return float(multiclass_calibration_error(probabilities, labels, logits.shape[1], BINS))


def reliability(logits: torch.Tensor, labels: torch.Tensor) -> pd.DataFrame:
    """Rows low, high, images, confidence and accuracy (means) of the bins that hold images."""
    confidence, predicted = logits.double().softmax(1).clamp(max=BELOW_ONE).max(1)
    edges = torch.linspace(0, 1, BINS + 1, dtype=torch.float64)
    table = pd.DataFrame(
        {
            "bin": torch.bucketize(confidence, edges, right=True).numpy() - 1,
            "confidence": confidence.numpy(),
            "accuracy": (predicted == labels).double().numpy(),
        }
    )
    bins = table.groupby("bin").mean()
    bins.insert(0, "images", table.groupby("bin").size())
    places = np.asarray(bins.index)
    bins.insert(0, "high", edges.numpy()[places + 1])
    bins.insert(0, "low", edges.numpy()[places])
    return bins.reset_index(drop=True)
