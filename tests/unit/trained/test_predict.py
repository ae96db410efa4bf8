"""A person's own pictures: read in any form, cut and scaled as they should be, and classified."""

import math
import re
import shutil
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from landscape.cli.main import main
from landscape.config.architectures import ConvNet, Mlp
from landscape.config.recipes import Optimizer
from landscape.config.runs import Run, Split
from landscape.data import dataset
from landscape.data.batches import normalized
from landscape.data.sources import demo
from landscape.errors import UserError
from landscape.models import registry as models
from landscape.storage.files import read_json, write_json
from landscape.trained import predict
from landscape.trained.predict import probabilities, square
from support.artefacts import start
from support.tiny import RUN as BANDS_RUN

RUN = Run(
    study="network",
    name="tiny",
    architecture=ConvNet(filters=1, neurons=2),
    learning_rate=0.1,
    optimizer=Optimizer(name="sgd"),
    batch_size=32,
    epochs=1,
    seed=0,
    split=Split(),
    device="cpu",
    precision="float32",
)
SHARES = [0.02, 0.02, 0.02, 0.02, 0.3, 0.02, 0.5, 0.02, 0.06, 0.02]


def write_run(folder, data=None, run=RUN):
    """A run's files as the training leaves them; whatever it sees, it says `SHARES`."""
    network = models.build(run.architecture, run.seed)
    with torch.no_grad():
        network.output_layer.weight.zero_()
        network.output_layer.bias.copy_(torch.tensor(SHARES).log())
    folder.mkdir(parents=True)
    save_file(network.state_dict(), folder / "model.safetensors")
    written = {"run": run.model_dump(mode="json"), "status": "completed", "data": data}
    write_json(folder / "run.json", written)
    return folder / "model.safetensors"


@pytest.fixture
def weights(results, tmp_path):
    """Weights in a results folder with the demo data in it."""
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "data").symlink_to(results / "data")
    return write_run(folder / RUN.id, dataset.describe(results / "data")["sha256"])


@pytest.fixture
def picture(tmp_path):
    """A file with a picture in it."""

    def saved(image, name="picture.png", **options):
        image.save(tmp_path / name, **options)
        return tmp_path / name

    return saved


def noise(height=32, width=32, bands=3, seed=0):
    values = np.random.default_rng(seed).integers(0, 256, (height, width, bands), dtype=np.uint8)
    return values.squeeze(2) if bands == 1 else values


def smooth(side=96):
    """A picture that survives lossy formats."""
    ramp = np.linspace(20, 230, side)
    red, green = np.broadcast_to(ramp, (side, side)), np.broadcast_to(ramp[:, None], (side, side))
    return Image.fromarray(np.stack([red, green, (red + green) / 2], 2).astype(np.uint8))


def test_a_picture_of_the_network_s_own_size_is_taken_as_it_is(picture):
    values = noise()
    found = square(picture(Image.fromarray(values)))
    assert found.dtype == torch.uint8
    assert torch.equal(found, torch.from_numpy(values).permute(2, 0, 1))


def test_a_training_image_is_seen_as_in_training(results, picture):
    """Through a file and back: the inputs of the network are the same, bit for bit."""
    images = dataset.load(results / "data", "train")
    pixels = images.pixels[:3]
    files = [
        picture(Image.fromarray(image.permute(1, 2, 0).numpy()), f"{index}.png")
        for index, image in enumerate(pixels)
    ]
    ours = torch.stack([square(file) for file in files])
    assert torch.equal(normalized(ours), normalized(pixels))


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "gif", "bmp", "tiff", "ppm", "jp2"])
def test_formats(picture, ending):
    reference = square(picture(smooth(), "reference.png")).int()
    found = square(picture(smooth(), f"picture.{ending}")).int()
    assert found.shape == (3, 32, 32)
    assert (found - reference).abs().float().mean() < (8 if ending == "gif" else 2)


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA", "LA", "CMYK", "YCbCr", "I;16"])
def test_kinds_of_pixels(picture, mode):
    """A grey picture is grey in all of them."""
    grey = Image.new("L", (40, 40), 120)
    if mode == "I;16":
        image = Image.fromarray(np.full((40, 40), 120 * 257, np.uint16))
    elif mode == "1":
        image = Image.new("1", (40, 40), 1)
    else:
        image = (grey.convert("RGB") if mode in ("CMYK", "YCbCr") else grey).convert(mode)
    ending = "tiff" if mode in ("CMYK", "YCbCr") else "png"
    found = square(picture(image, f"picture.{ending}")).int()
    assert ((found - (255 if mode == "1" else 120)).abs() <= 2).all()


def test_pictures_are_turned_as_their_exif_says(picture):
    upright = smooth()
    for orientation, turned in {
        3: Image.Transpose.ROTATE_180,
        6: Image.Transpose.ROTATE_90,
        8: Image.Transpose.ROTATE_270,
    }.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = upright.transpose(turned)
        found = square(picture(stored, "turned.png", exif=exif))
        assert torch.equal(found, square(picture(upright, "upright.png")))
        assert not torch.equal(found, square(picture(stored, "stored.png")))


def test_what_is_transparent_is_white(picture):
    clear = np.zeros((32, 32, 4), np.uint8)
    clear[:16, :, 3] = 255  # the upper half is opaque black
    clear[16:24, :, 3] = 51  # then a fifth of it
    found = square(picture(Image.fromarray(clear)))
    assert (found[:, :16] == 0).all()
    assert ((found[:, 16:24].int() - 204).abs() <= 1).all()
    assert (found[:, 24:] == 255).all()


def test_transparency_is_laid_over_white_before_it_could_bleed(picture):
    """The colour under what is transparent does not matter, not even where pixels are averaged."""
    values = noise(64, 64, 4)
    values[..., 3] = np.where(values[..., 3] < 128, 0, 255)
    other = values.copy()
    other[values[..., 3] == 0, :3] = 77
    values[values[..., 3] == 0, :3] = 200
    flat = np.where(values[..., 3:] == 255, values[..., :3], 255).astype(np.uint8)
    first, second, expected = (
        square(picture(Image.fromarray(pixels), "picture.png")) for pixels in (values, other, flat)
    )
    assert torch.equal(first, second)
    assert torch.equal(first, expected)


def test_a_palette_s_transparent_colour_is_white(picture):
    image = Image.new("P", (32, 32), 0)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.paste(1, (0, 0, 16, 32))
    found = square(picture(image, transparency=0))
    assert found[:, 0, 0].tolist() == [200, 100, 50]
    assert found[:, 0, 31].tolist() == [255, 255, 255]


def test_the_middle_is_cut_out(picture):
    wide = np.zeros((32, 96, 3), np.uint8)
    wide[:, 32:64] = noise()
    assert torch.equal(
        square(picture(Image.fromarray(wide))), square(picture(Image.fromarray(noise())))
    )
    tall = np.ascontiguousarray(wide.transpose(1, 0, 2))
    assert torch.equal(
        square(picture(Image.fromarray(tall))),
        square(picture(Image.fromarray(np.ascontiguousarray(noise().transpose(1, 0, 2))))),
    )


def test_scaling_counts_all_pixels(picture):
    """A fine checkerboard becomes grey; taking single pixels would leave black and white."""
    fine = np.indices((320, 320)).sum(0) % 2 * 255
    found = square(picture(Image.fromarray(fine.astype(np.uint8)))).int()
    assert ((found[:, 2:-2, 2:-2] - 127).abs() <= 3).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (3000, 20), (33, 32), (31, 31)])
def test_any_size(picture, size):
    found = square(picture(Image.new("RGB", size, (10, 20, 30))))
    assert torch.equal(
        found, torch.tensor([10, 20, 30], dtype=torch.uint8)[:, None, None].expand(3, 32, 32)
    )


def test_a_picture_of_too_many_pixels_is_refused(picture, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UserError, match=r"bomb\.png: too many pixels"):
        square(picture(Image.new("RGB", (15, 15)), "bomb.png"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        square(picture(Image.new("RGB", (12, 12)), "large.png"))  # Pillow would warn


def test_what_is_no_picture_is_said_by_name(picture, tmp_path):
    whole = picture(smooth(), "whole.jpg").read_bytes()
    floats = Image.fromarray(np.zeros((9, 9), np.float32))
    wrong = {
        "missing.png": "no such file",
        "folder": "is a folder; name the pictures in it",
        "words.txt": "must be a picture",
        "empty.png": "empty.png: is empty",
        "half.jpg": "not readable as a picture",
        "floats.tiff": "no agreed range",
    }
    (tmp_path / "folder").mkdir()
    (tmp_path / "words.txt").write_text("no pixels here")
    (tmp_path / "empty.png").touch()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    picture(floats, "floats.tiff")
    for name, text in wrong.items():
        with pytest.raises(UserError, match=text) as caught:
            square(tmp_path / name)
        assert str(caught.value).startswith(str(tmp_path / name)), name


def test_an_address_is_no_picture_of_this_machine():
    with pytest.raises(UserError, match=r"^https://example\.org/a\.png: .*download the picture"):
        square(Path("https://example.org/a.png"))


def test_a_damaged_picture_is_an_error_whatever_is_damaged(picture, tmp_path):
    """Fuzzing: any byte of any header; it is read or refused, never a traceback."""
    random = np.random.default_rng(0)
    for ending in ("png", "jpg", "gif", "webp", "tiff", "bmp"):
        whole = picture(smooth(24), f"whole.{ending}").read_bytes()
        for _ in range(25):
            damaged = bytearray(whole)
            for place in random.integers(0, min(len(whole), 200), 3):
                damaged[place] = random.integers(256)
            file = tmp_path / f"damaged.{ending}"
            file.write_bytes(damaged)
            with warnings.catch_warnings(), suppress(UserError):
                warnings.simplefilter("ignore")
                assert square(file).shape == (3, 32, 32)


def test_probabilities_are_the_softmax_of_the_logits_whatever_the_batch(monkeypatch):
    network = models.build(RUN.architecture, 1).eval()
    pixels = torch.from_numpy(noise(5 * 32)).reshape(5, 32, 32, 3).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = network(normalized(pixels)).softmax(1)
    torch.testing.assert_close(probabilities(network, pixels), expected)
    monkeypatch.setattr(predict, "EVALUATION_BATCH", 2)
    torch.testing.assert_close(probabilities(network, pixels), expected)


def test_the_three_likeliest_classes_are_shown_in_columns(weights, picture, capsys):
    files = [picture(smooth(), "a.png"), picture(smooth(), "longer name.png")]
    assert main(["predict", str(weights), *map(str, files)]) == 0
    out = capsys.readouterr()
    assert out.err == ""
    lines = out.out.splitlines()
    assert [line.split("  ")[0].strip() for line in lines] == [str(file) for file in files]
    for line in lines:
        rest = line.removeprefix(str(files[0])).removeprefix(str(files[1])).split()
        assert rest == ["bar", "50.0", "%", "triangle", "30.0", "%", "checks", "6.0", "%"]
    places = [[k for k, letter in enumerate(line) if letter == "%"] for line in lines]
    assert places[0] == places[1]
    assert len({len(line) for line in lines}) == 1


def test_weights_may_be_named_by_their_folder(weights, picture, capsys):
    file = str(picture(smooth()))
    main(["predict", str(weights), file])
    first = capsys.readouterr().out
    assert main(["predict", str(weights.parent), file]) == 0
    assert capsys.readouterr().out == first != ""


def test_one_bad_picture_does_not_keep_the_others(weights, picture, tmp_path, capsys):
    good, other = picture(smooth(), "good.png"), picture(smooth(), "other.png")
    bad, missing = tmp_path / "bad.png", tmp_path / "missing.png"
    bad.write_text("not a picture")
    files = map(str, (good, bad, missing, other))
    assert main(["predict", str(weights), *files]) == 1
    out = capsys.readouterr()
    assert [line.split()[0] for line in out.out.splitlines()] == [str(good), str(other)]
    assert out.err.startswith("error: 2 of 4 pictures")
    assert str(bad) in out.err
    assert f"{missing}: no such file" in out.err


def test_without_its_data_an_older_run_names_no_class(weights, picture, tmp_path, capsys):
    moved, results = tmp_path / "moved", str(weights.parents[3])
    weights.parent.rename(moved)
    assert main(["predict", str(moved), str(picture(smooth()))]) == 1
    out = capsys.readouterr()
    assert out.out == ""
    assert out.err.startswith(f"error: {moved / 'run.json'}: has no class_names")
    assert main(["predict", str(moved), "--results", results, str(picture(smooth()))]) == 0
    assert "bar" in capsys.readouterr().out


def test_data_of_other_images_do_not_name_an_older_run_s_classes(
    results, tmp_path, picture, capsys
):
    (tmp_path / "data").symlink_to(results / "data")
    weights = write_run(tmp_path / RUN.id, data="0" * 64)
    assert main(["predict", str(weights), str(picture(smooth()))]) == 1
    assert "has no class_names" in capsys.readouterr().err


def test_a_run_s_classes_go_where_it_goes(undisturbed, picture, tmp_path, capsys):
    """A trained run's folder, copied away from its data."""
    shutil.copytree(undisturbed / BANDS_RUN, tmp_path / "copied")
    assert main(["predict", str(tmp_path / "copied"), str(picture(smooth()))]) == 0
    shown = set(re.findall(r"[a-z]+(?= +[0-9.]+ %)", capsys.readouterr().out))
    assert len(shown) == 3
    assert shown <= set(demo.CLASS_NAMES)
    assert read_json(tmp_path / "copied" / "run.json")["class_names"] == list(demo.CLASS_NAMES)


def test_too_few_class_names_are_refused(weights, picture, results, tmp_path):
    description = read_json(results / "data" / "dataset.json")
    write_json(tmp_path / "data" / "dataset.json", {**description, "class_names": ["one"]})
    with pytest.raises(UserError, match="class_names must be 10 names"):
        predict.predict(weights, [picture(smooth())], tmp_path / "data")


def of_another_model(weights):
    save_file(models.build(Mlp(neurons=2), 0).state_dict(), weights)


def with_a_nan(weights):
    tensors = load_file(weights)
    tensors["output_layer.bias"][3] = math.nan
    save_file(tensors, weights)


def truncated(weights):
    weights.write_bytes(weights.read_bytes()[:-7])


def without_its_run(weights):
    (weights.parent / "run.json").unlink()


def gone(weights):
    weights.unlink()


def renamed(weights):
    weights.rename(weights.with_name("other.safetensors"))
    return weights.with_name("other.safetensors")


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (of_another_model, "not the weights of the convnet"),
        (with_a_nan, "NaN"),
        (truncated, "not readable"),
        (without_its_run, "run.json: no such file"),
        (gone, "no such file"),
        (renamed, "must be a model.safetensors"),
    ],
)
def test_weights_that_cannot_be_used_are_a_sentence(weights, picture, capsys, damage, text):
    weights = damage(weights) or weights
    assert main(["predict", str(weights), str(picture(smooth()))]) == 1
    out = capsys.readouterr()
    assert out.out == ""
    assert out.err.startswith("error: ")
    assert text in out.err


def test_as_a_process_it_ends_with_one_and_without_a_traceback(weights, picture, tmp_path):
    good, missing = picture(smooth(), "good.png"), tmp_path / "missing.png"
    running = start("predict", str(weights), str(good), str(missing), cwd=tmp_path)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 1
    assert out.startswith(f"{good}  bar")
    assert "Traceback" not in err
    assert str(missing) in err
