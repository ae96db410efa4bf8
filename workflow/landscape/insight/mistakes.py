"""Confident mistakes: wrong classes with high confidence."""

import numpy as np
import pandas as pd
import torch

COUNT = 6


def most_confident_mistakes(
    logits: torch.Tensor, labels: torch.Tensor, count: int = COUNT
) -> pd.DataFrame:
    """The misclassified images with the highest confidence max softmax z, the highest first.

    Columns image (its index), label, predicted and confidence; ties are in image order.
    """
    confidence, predicted = logits.double().softmax(1).max(1)
    table = pd.DataFrame(
        {
            "image": np.arange(len(labels)),
            "label": labels.numpy(),
            "predicted": predicted.numpy(),
            "confidence": confidence.numpy(),
        }
    )
    wrong = table[table["label"] != table["predicted"]]
    ordered = wrong.sort_values("confidence", ascending=False, kind="stable")
    return ordered.head(count).reset_index(drop=True)
