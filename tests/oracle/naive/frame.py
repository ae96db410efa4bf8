"""What the naive networks have in common."""

from torch import nn

from oracle.naive.layers import normalization


class Network(nn.Module):
    """`stem` and `features`, then `pool`, then `classifier` and `output_layer`, where there are."""

    def __init__(self, pool, **parts):
        super().__init__()
        self.pool = pool
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x):
        for name, part in self.named_children():
            if name in ("classifier", "hidden", "output_layer") and x.ndim == 4:
                x = self.pool(x)
            x = part(x)
        return x


def times(channels, width):
    return max(1, round(channels * width))


def conv_norm(inputs, outputs, kernel=3, stride=1, groups=1, kind="batch"):
    norm = normalization(kind, outputs)
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=not norm)
    return nn.Sequential(conv, *norm)
