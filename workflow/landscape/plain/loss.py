"""The loss, in which the forward pass ends and the backward pass begins."""

import torch


class CrossEntropy:
    """Softmax cross-entropy, the mean over the batch: L = −1/N Σ_n log p_n(label n).

    With p = exp(z) / Σ exp(z) and logits z [N, classes], log p_y = z_y − log Σ exp(z), so
    ∂L/∂z = (p − e) / N, where e is 1 at the label and 0 elsewhere. z − max z has the same p and
    does not overflow.
    """

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The loss, a scalar; labels int64 [N]."""
        shifted = logits - logits.amax(1, keepdim=True)
        exponentials = shifted.exp()
        totals = exponentials.sum(1, keepdim=True)
        is_label = labels[:, None] == torch.arange(logits.shape[1], device=logits.device)
        self._probabilities, self._is_label = exponentials / totals, is_label
        return torch.where(is_label, totals.log() - shifted, 0).sum() / len(logits)

    def backward(self, gradient: float) -> torch.Tensor:
        """∂L/∂z [N, classes], times `gradient`: 1 where L is what is minimized."""
        difference = self._probabilities - self._is_label.to(self._probabilities.dtype)
        return difference * (gradient / len(difference))
