"""Images as the rows of a matrix, a row for each pixel; free where memory is channels-last."""

import torch


def to_rows(images: torch.Tensor) -> torch.Tensor:
    """[N, C, H, W] → [N·H·W, C]."""
    return images.permute(0, 2, 3, 1).reshape(-1, images.shape[1])


def to_images(rows: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """[N·H·W, C] → [N, C, H, W], with N, H and W from `shape`."""
    count, _, height, width = shape
    return rows.view(count, height, width, -1).permute(0, 3, 1, 2)
