"""Every format of another group is complete and documented as it is."""

import re
from pathlib import Path

import pytest
import timm

from eyeground.config.normalisation import IMAGENET_MEAN, IMAGENET_STD
from eyeground.models.external_checkpoints import FORMATS, HALF, Format

PAGE = (Path(__file__).parents[2] / "docs" / "initialisations.md").read_text(encoding="utf-8")
EVERY = pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
NORMALISATIONS = {(IMAGENET_MEAN, IMAGENET_STD): "ImageNet", (HALF, HALF): "0.5, 0.5"}


@EVERY
def test_the_page_says_of_a_format_what_the_program_says(form: Format) -> None:
    backbones = ", ".join(f"`{name}`" for name in form.backbones)
    cells = (
        f"`{form.name}`",
        form.title,
        backbones,
        str(form.side),
        NORMALISATIONS[form.mean, form.std],
        form.licence,
        f"<{form.page}>",
    )
    assert f"| {' | '.join(cells)} |" in PAGE


def test_the_page_lists_no_format_that_is_gone() -> None:
    table = PAGE.split("| `--from` |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE) == list(FORMATS)


@EVERY
def test_its_facts_are_those_of_timm_where_timm_has_its_weights(form: Format) -> None:
    for name in form.backbones:
        assert timm.is_model(name)
        if form.name in ("dinov2", "dinov3"):
            config = timm.get_pretrained_cfg(name)
            assert (config.input_size[1], config.mean, config.std) == (form.side, form.mean, form.std)


@EVERY
def test_what_it_leaves_out_is_never_part_of_the_backbone(form: Format) -> None:
    from eyeground.models.convert import empty_backbone

    kept = empty_backbone(form.backbones[0], form.side).state_dict()
    assert not [name for name in kept if any(re.fullmatch(pattern, name) for pattern in form.leftovers)]
