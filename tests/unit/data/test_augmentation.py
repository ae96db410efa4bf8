"""Augmented images are a function of (seed, epoch, image), and each change is what it says."""

import pytest
import torch

from landscape.config.recipes import Augmentation
from landscape.data.augmentation import Augmenter, _beta
from landscape.data.batches import Batches, normalized
from landscape.data.dataset import Images
from landscape.runtime.randomness import generator

COUNT, SEED = 24, 5
EVERYTHING = Augmentation(flip="random", crop=3, cutout=8)
SETTINGS = {
    "flip": Augmentation(flip="random"),
    "alternating": Augmentation(flip="alternating"),
    "crop": Augmentation(crop=2),
    "cutout": Augmentation(cutout=6),
    "everything": EVERYTHING,
}


def pixels(count=COUNT):
    source = torch.Generator().manual_seed(9)
    return torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=source)


def augmented(settings, chosen=None, epoch=0, seed=SEED, images=None):
    images = pixels() if images is None else images
    chosen = torch.arange(len(images)) if chosen is None else torch.tensor(chosen)
    augmenter = Augmenter(settings, images, seed)
    augmenter.draw(epoch)
    return augmenter.pixels(chosen)


def drawn(settings, epoch=0):
    """What was drawn for every image: (shift down, shift right), flipped, centre of the hole."""
    augmenter = Augmenter(settings, pixels(), SEED)
    augmenter.draw(epoch)
    return augmenter.shifts, augmenter.flips, augmenter.centres


@pytest.mark.parametrize("name", SETTINGS)
def test_a_seed_and_an_epoch_give_the_same_pixels(name):
    first = augmented(SETTINGS[name], epoch=3)
    assert first.dtype == torch.uint8
    assert torch.equal(first, augmented(SETTINGS[name], epoch=3))
    assert not torch.equal(first, augmented(SETTINGS[name], epoch=4))
    assert not torch.equal(first, augmented(SETTINGS[name], epoch=3, seed=SEED + 1))


def test_an_image_is_the_same_in_any_batch_and_any_order():
    whole = augmented(EVERYTHING, epoch=2)
    for chosen in ([7], [3, 1, 2], [23, 0], [4, 4]):
        assert torch.equal(augmented(EVERYTHING, chosen, epoch=2), whole[chosen])


def test_earlier_epochs_leave_no_trace():
    """What a resumed run sees: the same, whether the epochs before were walked through or not."""
    everything = EVERYTHING.model_copy(update={"mixup": 0.4})
    images = Images(pixels(), torch.arange(COUNT) % 10)
    walked = Batches(images, 10, SEED, augmentation=everything)
    seen = [walked.batch(step) for step in range(9)]
    for step in (8, 3, 0, 5):
        fresh = Batches(images, 10, SEED, augmentation=everything).batch(step)
        for again in (fresh, walked.batch(step)):
            assert all(torch.equal(a, b) for a, b in zip(again, seen[step], strict=True))


def test_the_global_random_state_is_neither_read_nor_written():
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    first = augmented(EVERYTHING)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(augmented(EVERYTHING), first)


@pytest.mark.parametrize("crop", [1, 4, 16])
def test_shifts_equal_a_naive_pad_and_crop(crop):
    settings = Augmentation(crop=crop, flip="random")
    shifts, flips, _ = drawn(settings)
    found = augmented(settings)
    for index, image in enumerate(pixels()):
        padded = torch.nn.functional.pad(image[None].float(), (crop,) * 4, mode="reflect")[0]
        down, right = shifts[index].tolist()
        expected = padded[:, down : down + 32, right : right + 32].to(torch.uint8)
        if flips[index]:
            expected = expected.flip(2)
        assert torch.equal(found[index], expected)


def test_shifts_are_uniform_over_all_places():
    settings = Augmentation(crop=2)
    shifts = torch.cat([drawn(settings, epoch)[0] for epoch in range(100)])
    places = (shifts[:, 0] * 5 + shifts[:, 1]).bincount(minlength=25)
    assert len(places) == 25
    expected = len(shifts) / 25
    assert ((places - expected).square() / expected).sum() < 53  # χ² of 24: p = 0.0006


def test_random_flips_are_fair_coins_thrown_anew():
    flips = torch.stack([drawn(SETTINGS["flip"], epoch)[1] for epoch in range(100)]).double()
    assert flips.mean().item() == pytest.approx(0.5, abs=4 * 0.5 / flips.numel() ** 0.5)
    again = (flips[1:] == flips[:-1]).double().mean().item()
    assert again == pytest.approx(0.5, abs=4 * 0.5 / flips.numel() ** 0.5)


def test_alternating_flips_show_every_image_both_ways_in_two_epochs():
    images = pixels()
    for epoch in range(4):
        here = augmented(SETTINGS["alternating"], epoch=epoch)
        there = augmented(SETTINGS["alternating"], epoch=epoch + 1)
        assert torch.equal(here.flip(3), there)
        plain = (here == images).flatten(1).all(1)
        assert torch.equal(~plain, (here == images.flip(3)).flatten(1).all(1))
        assert 0 < plain.sum() < COUNT


@pytest.mark.parametrize("side", [1, 2, 7, 8, 32])
def test_a_hole_is_a_square_of_that_side_around_its_centre(side):
    settings = Augmentation(cutout=side)
    images = pixels().clamp_min(128)  # so that grey is found by its value, 127
    centres = drawn(settings)[2].tolist()
    holes = augmented(settings, images=images) == 127
    assert torch.equal(holes.all(1), holes.any(1))  # of all channels together
    for (row, column), hole in zip(centres, holes[:, 0], strict=True):
        expected = torch.zeros(32, 32, dtype=torch.bool)
        top, left = row - side // 2, column - side // 2
        expected[max(top, 0) : top + side, max(left, 0) : left + side] = True
        assert torch.equal(hole, expected)
    inside = [all(side // 2 <= c <= 32 - (side + 1) // 2 for c in centre) for centre in centres]
    if side < 20:
        assert holes[:, 0].sum((1, 2))[torch.tensor(inside)].unique().tolist() == [side * side]
    kept = ~holes
    assert torch.equal(augmented(settings, images=images)[kept], images[kept])


def mixed_batch(alpha=0.4, step=3, count=7):
    images = Images(pixels(), torch.arange(COUNT) % 10)
    plain = normalized(images.pixels[:count])
    augmenter = Augmenter(Augmentation(mixup=alpha), images.pixels, SEED)
    augmenter.draw_mixture(step)
    return plain, images.labels[:count], *augmenter.mix(plain, images.labels[:count])


def test_mixup_s_inputs_and_targets_are_one_mixture():
    plain, labels, inputs, targets = mixed_batch()
    torch.testing.assert_close(targets.sum(1), torch.ones(7))
    assert ((targets >= 0) & (targets <= 1)).all()
    share = targets[0, labels[0]].item()
    assert 0 < share < 1
    onehot = torch.nn.functional.one_hot(labels, 10)
    torch.testing.assert_close(inputs, share * plain + (1 - share) * plain.flip(0))
    torch.testing.assert_close(targets, share * onehot + (1 - share) * onehot.flip(0))
    torch.testing.assert_close(targets[3], onehot[3].float())  # the middle one meets itself


@pytest.mark.parametrize("name", ["none", *SETTINGS])
def test_images_normalized_once_make_the_same_batches_bit_for_bit(name):
    settings = SETTINGS.get(name, Augmentation()).model_copy(update={"mixup": 0.4})
    images = Images(pixels(), torch.arange(COUNT) % 10)
    later, once = (
        Batches(images, 10, SEED, augmentation=settings, normalized_once=flag)
        for flag in (False, True)
    )
    for step in range(7):
        for ours, theirs in zip(once.batch(step), later.batch(step), strict=True):
            assert torch.equal(ours, theirs)
            assert ours.stride() == theirs.stride()


def test_mixup_draws_for_every_step():
    shares = {mixed_batch(step=step)[3][0, 0].item() for step in range(20)}
    assert len(shares) == 20
    assert torch.equal(mixed_batch(step=2)[2], mixed_batch(step=2)[2])


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 3.0, 100.0])
def test_a_mixture_s_share_is_beta_distributed(alpha):
    """Mean 1/2, variance 1/(4(2α + 1)), symmetric; and the distribution function is scipy's."""
    from scipy import stats

    count = 2000
    shares = torch.tensor([_beta(alpha, generator(SEED, "test", k)) for k in range(count)])
    shares = shares.double()
    variance = 1 / (4 * (2 * alpha + 1))
    kurtosis = stats.beta(alpha, alpha).stats("k") + 3
    assert ((shares >= 0) & (shares <= 1)).all()
    assert shares.mean().item() == pytest.approx(0.5, abs=4 * (variance / count) ** 0.5)
    spread = variance * ((float(kurtosis) - 1) / count) ** 0.5
    assert shares.var().item() == pytest.approx(variance, abs=4 * spread)
    assert stats.kstest(shares.numpy(), stats.beta(alpha, alpha).cdf).pvalue > 0.001


@pytest.mark.parametrize("alpha", [1e-9, 1e9])
def test_a_share_is_drawn_for_any_alpha(alpha):
    """Near 0 the share is 0 or 1, far from it 1/2; neither takes long nor is a NaN."""
    shares = torch.tensor([_beta(alpha, generator(SEED, "test", k)) for k in range(40)])
    if alpha < 1:
        assert set(shares.tolist()) == {0.0, 1.0}
    else:
        assert (shares - 0.5).abs().max() < 1e-3


@pytest.mark.parametrize("augmentation", [None, Augmentation()])
@pytest.mark.parametrize("seed", [None, SEED])
def test_without_augmentation_batches_are_the_images_themselves(augmentation, seed):
    images = Images(pixels(), torch.arange(COUNT) % 10)
    batches = Batches(images, 10, seed, augmentation=augmentation)
    for step in range(6):
        epoch, index = divmod(step, 3)
        order = torch.arange(COUNT)
        if seed is not None:
            order = torch.randperm(COUNT, generator=generator(seed, "order", epoch))
        chosen = order[index * 10 : index * 10 + 10]
        inputs, labels = batches.batch(step)
        assert torch.equal(inputs, normalized(images.pixels[chosen]))
        assert torch.equal(labels, images.labels[chosen])


def test_augmentation_without_a_seed_is_refused():
    with pytest.raises(ValueError, match="seed"):
        Batches(Images(pixels(), torch.arange(COUNT) % 10), 10, augmentation=EVERYTHING)


@pytest.mark.parametrize("name", [*SETTINGS, "mixup"])
def test_a_batch_is_laid_out_channels_last(name):
    settings = SETTINGS.get(name, Augmentation(mixup=0.2))
    images = Images(pixels(), torch.arange(COUNT) % 10)
    inputs, targets = Batches(images, 10, SEED, augmentation=settings).batch(0)
    assert inputs.shape == (10, 3, 32, 32)
    assert inputs.dtype == torch.float32
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    assert targets.shape == ((10, 10) if name == "mixup" else (10,))


def test_augmented_batches_keep_images_and_labels_together():
    """Each image is a constant of its own, which no shift or flip changes."""
    shades = (torch.arange(COUNT) * 10).to(torch.uint8)
    images = Images(shades[:, None, None, None].expand(-1, 3, 32, 32), torch.arange(COUNT) % 10)
    settings = Augmentation(flip="random", crop=4)
    batches = Batches(images, 10, SEED, augmentation=settings)
    for step in range(3):
        inputs, labels = batches.batch(step)
        numbers = ((inputs[:, 0, 0, 0] * 0.5 + 0.5) * 255 / 10).round().long()
        assert torch.equal(numbers % 10, labels)
        assert torch.equal(inputs, inputs[:, :1, :1, :1].expand_as(inputs))
