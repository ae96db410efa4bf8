"""What a run's tables say of each step, from its saved weights."""

import torch

from oracle.naive.images import batch
from oracle.naive.losses import loss
from oracle.naive.training import apart, norm


def steps(walk, until):
    """Rows of steps.parquet for the first `until` steps, and for each what its update did.

    An update is (weights after it by the oracle, weights saved before it, weights saved after it).
    """
    rows, updates = [], []
    run, last = walk.run, list(walk.parameters)[-1].rpartition(".")[0]
    output = [name for name in walk.parameters if name.rpartition(".")[0] == last]
    for step in range(until):
        value, right, gradient = walk.step(step)
        updates.append({k: v.detach().clone() for k, v in walk.network.state_dict().items()})
        row = {"step": step, "epoch": step // walk.per_epoch + 1, "loss": value, "correct": right}
        row["gradient_norm"] = norm(gradient)
        rows.append(row)
        if not run["lags"]:
            continue
        here = _only(walk, walk.snapshot(step))
        row["parameter_norm"] = norm(here)
        for lag in run["lags"]:
            ending = "" if lag == 1 else f"_lag{lag}"
            row["gradient_distance" + ending] = row["output_gradient_distance" + ending] = None
            if step >= lag:
                earlier = walk.gradients[step - lag]
                row["gradient_distance" + ending] = apart(gradient, earlier)
                part = {name: gradient[name] for name in output}
                row["output_gradient_distance" + ending] = apart(part, earlier)
        row["update_distance"] = row["beta"] = None
        if step:
            moved = row["update_distance"] = apart(here, _only(walk, walk.snapshot(step - 1)))
            row["beta"] = row["gradient_distance"] / moved if moved else None
        every = run["same_batch_every_steps"]
        if every:
            row["same_batch_gradient_distance"] = row["same_batch_beta"] = None
            if step and step % every == 0:
                both = []
                for place in (step, step - 1):
                    walk.stand_at(place)
                    both.append(walk.pass_at(step)[2])
                row["same_batch_gradient_distance"] = apart(*both)
                row["same_batch_beta"] = apart(*both) / row["update_distance"]
    return rows, updates


def epochs(walk, rows, scores):
    """Rows of epochs.csv without seconds, from those of the steps."""
    found = []
    sizes = [walk.run["batch_size"]] * (walk.per_epoch - 1)
    sizes.append(walk.count - sum(sizes))
    for start in range(0, len(rows), walk.per_epoch):
        part = rows[start : start + walk.per_epoch]
        held = sizes[: len(part)]
        whole = sum(size * row["loss"] for size, row in zip(held, part, strict=True))
        done = start + len(part)
        validation = None
        if len(walk.images.validation[1]):
            validation = scores(walk.network, walk.weights_after(done), walk.images.validation)[1]
        found.append(
            {
                "epoch": start // walk.per_epoch + 1,
                "train_loss": whole / sum(held),
                "train_accuracy": sum(row["correct"] for row in part) / sum(held),
                "validation_accuracy": validation,
                "train_flops": training_flops(walk, done, sizes),
            }
        )
    return found


def training_flops(walk, steps, sizes):
    """Of the first `steps` steps: three forward passes an image, six with SAM."""
    small, total, of_an_image = walk.run["small_images"], 0, {}
    for step in range(steps):
        is_small = small and step / walk.steps < small["share"]
        side = small["size"] if is_small else 32
        if side not in of_an_image:
            of_an_image[side] = 3 * forward_flops(walk.network, side)
        total += sizes[step % len(sizes)] * of_an_image[side]
    return total * (2 if walk.run["optimizer"]["sharpness_radius"] else 1)


def forward_flops(network, side=32):
    """Twice the multiplications of every convolution and linear layer, of one image."""
    counted = []

    def count(module, entered, left):
        filters = getattr(module, "weight", None)
        filters = module.filters if filters is None else filters
        places = left[0].numel() // left.shape[1] if left.ndim == 4 else 1
        counted.append(2 * filters.numel() * places)

    kinds = (torch.nn.Conv2d, torch.nn.Linear)
    hooks = []
    for module in network.modules():
        if isinstance(module, kinds) or hasattr(module, "filters"):
            hooks.append(module.register_forward_hook(count))
    mode = network.training
    network.eval()
    with torch.no_grad():
        network(torch.zeros(1, 3, side, side, dtype=torch.float64))
    network.train(mode)
    for hook in hooks:
        hook.remove()
    return sum(counted)


def probe(walk, step):
    """Rows of probe.parquet of one step."""
    rate = walk.run["learning_rate"]
    here = _only(walk, walk.snapshot(step))
    origin, gradient, signs, winners = _watched(walk, step, here)
    product = _hessian_times(walk, step, here, gradient)
    length, curved = norm(gradient), norm(product)
    kappa = sum(float((gradient[k] * product[k]).sum()) for k in gradient) / length**2
    rows = []
    for size in walk.run["probe"]["sizes"]:
        eta = size * rate
        point = {name: here[name] - eta * gradient[name] for name in here}
        there, turned, signs_there, winners_there = _watched(walk, step, point)
        both = sum(float((gradient[k] * turned[k]).sum()) for k in gradient)
        change = {k: turned[k] - gradient[k] for k in gradient}
        rest = {k: change[k] + eta * product[k] for k in gradient}
        rows.append(
            {
                "step": step,
                "step_size": eta,
                "relative_step_size": size,
                "loss": there,
                "loss_at_origin": origin,
                "gradient_norm": length,
                "gradient_norm_there": norm(turned),
                "gradient_distance": norm(change),
                "gradient_cosine": both / (length * norm(turned)),
                "beta": norm(change) / (eta * length),
                "kappa": kappa,
                "hg_over_g": curved / length,
                "smooth_distance": eta * curved,
                "rest_distance": norm(rest),
                "relu_flips": _share(signs, signs_there),
                "pool_flips": _share(winners, winners_there),
                "parameter_norm": norm(here),
            }
        )
    return rows


def _only(walk, weights):
    return {name: weights[name].double() for name in walk.parameters}


def _stand(walk, step, parameters):
    walk.network.load_state_dict({**walk.snapshot(step), **parameters})


def _watched(walk, step, parameters):
    """(loss, gradient, signs of all ReLUs, winners of all poolings) at these parameters."""
    signs, winners, hooks = [], [], []
    for module in walk.network.modules():
        if isinstance(module, torch.nn.ReLU):
            hooks.append(module.register_forward_hook(lambda m, x, y: signs.append(y > 0)))
        if isinstance(module, torch.nn.MaxPool2d):
            hooks.append(module.register_forward_hook(lambda m, x, y: winners.append(_first(x[0]))))
    _stand(walk, step, parameters)
    value, _, gradient = walk.pass_at(step)
    for hook in hooks:
        hook.remove()
    return value, gradient, signs, winners


def _first(images):
    """In which of its four places each 2×2 window has its maximum, the first of equal ones."""
    places = [images[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)]
    return torch.stack(places).argmax(0)


def _share(here, there):
    count = sum(a.numel() for a in here)
    return (
        sum(int((a != b).sum()) for a, b in zip(here, there, strict=True)) / count if count else 0
    )


def _hessian_times(walk, step, parameters, vector):
    """Hv by differentiating ⟨∇L, v⟩."""
    _stand(walk, step, parameters)
    inputs, targets = batch(walk.run, walk.images, step)
    names, values = zip(*walk.parameters.items(), strict=True)
    value = loss(walk.run["loss"], walk.network(inputs), targets)
    gradient = torch.autograd.grad(value, values, create_graph=True)
    along = sum((g * vector[k]).sum() for k, g in zip(names, gradient, strict=True))
    product = torch.autograd.grad(along, values, materialize_grads=True)
    return dict(zip(names, product, strict=True))
