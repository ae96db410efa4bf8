"""Pixels that are evidence for a class: Grad-CAM and integrated gradients, by captum."""

import numpy as np
import torch
from captum.attr import IntegratedGradients, LayerGradCam
from numpy.typing import NDArray
from torch import nn

STEPS = 50  # points of the Gauss-Legendre rule along the path
STEP_IMAGES = 100  # run at once


def grad_cam(
    model: nn.Module, layer: nn.Module, inputs: torch.Tensor, classes: torch.Tensor
) -> NDArray[np.float32]:
    """Evidence [N, h, w] of layer A for the class: relu(Σ_k mean(∂z_c/∂A_k) A_k).

    Selvaraju et al. 2017; `inputs` [N, 3, 32, 32], `classes` int64 [N], h × w the layer's size.
    """
    maps = LayerGradCam(model, layer).attribute(inputs, target=classes, relu_attributions=True)
    array: NDArray[np.float32] = maps[:, 0].detach().float().cpu().contiguous().numpy()
    return array


def integrated_gradients(
    model: nn.Module, inputs: torch.Tensor, classes: torch.Tensor
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(attributions [N, 32, 32] summed over colours, their errors [N]).

    x · ∫₀¹ ∂z_c/∂x (αx) dα from the grey image 0 (Sundararajan et al. 2017). They should sum to
    z_c(x) - z_c(0); the error of the numerical integral is returned too.
    """
    attributions, missed = IntegratedGradients(model).attribute(
        inputs,
        target=classes,
        n_steps=STEPS,
        internal_batch_size=max(STEP_IMAGES, len(inputs)),
        return_convergence_delta=True,
    )
    summed = attributions.detach().sum(1).float().cpu().contiguous()
    return summed.numpy(), missed.detach().float().cpu().numpy()
