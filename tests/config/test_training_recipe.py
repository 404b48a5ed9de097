"""Recipes: every setting is documented, survives the file, and a wrong one names its place and its fix."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.config.settings import Settings, all_settings, read_recipe, write_recipe
from eyeground.config.targets import Target
from eyeground.config.training_recipe import ProbeRecipe, TrainingRecipe
from eyeground.errors import UserError

RECIPES = (TrainingRecipe, ProbeRecipe)


def recipe_of(folder: Path, content: str, *overrides: str) -> TrainingRecipe:
    (folder / "recipe.yaml").write_text(content, encoding="utf-8")
    return read_recipe(TrainingRecipe, folder / "recipe.yaml", overrides)


def error_of(folder: Path, content: str, *overrides: str) -> str:
    with pytest.raises(UserError) as caught:
        recipe_of(folder, content, *overrides)
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_setting_has_a_description(recipe: type[Settings]) -> None:
    fields = all_settings(recipe)
    assert {"targets.0.kind", "seed"} <= fields.keys()
    for name, field in fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_every_setting_but_the_targets_of_a_probe_has_a_default() -> None:
    assert TrainingRecipe() == read_recipe(TrainingRecipe)
    with pytest.raises(UserError, match="'targets' is missing"):
        read_recipe(ProbeRecipe)


words = st.text("abcÄ 019:#'-", min_size=1, max_size=8)
targets = st.lists(
    st.one_of(
        st.builds(Target, name=words, weight=st.floats(0.01, 100)),
        st.builds(
            Target,
            name=words,
            kind=st.sampled_from(["multiclass", "ordinal"]),
            classes=st.lists(words, min_size=2, max_size=4, unique=True).map(tuple),
        ),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda target: target.name,
).map(tuple)


@given(
    targets=targets,
    rate=st.floats(1e-9, 10),
    seed=st.integers(0, 2**32 - 1),
    initialisation=words.filter(lambda word: word in ("0", "1") or word.strip() not in ("0", "1")),  # '0 ' is no place
    options=st.dictionaries(words, st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words),
)
def test_a_recipe_survives_the_round_trip(
    tmp_path: Path, targets: tuple[Target, ...], rate: float, seed: int, initialisation: str, options: dict[str, object]
) -> None:
    recipe = TrainingRecipe.model_validate(
        {
            "targets": targets,
            "optimisation": {"learning_rate": rate},
            "architecture": {"backbone_options": options},
            "seed": seed,
            "initialisation": initialisation,
        }
    )
    write_recipe(recipe, tmp_path / "resolved.yaml")
    assert read_recipe(TrainingRecipe, tmp_path / "resolved.yaml") == recipe


def test_the_resolved_recipe_holds_the_defaults_too(tmp_path: Path) -> None:
    write_recipe(TrainingRecipe(), tmp_path / "resolved.yaml")
    text = (tmp_path / "resolved.yaml").read_text()
    for name in TrainingRecipe.model_fields:
        assert f"{name}:" in text


def test_overrides_win_over_the_file_and_are_typed(tmp_path: Path) -> None:
    recipe = recipe_of(
        tmp_path,
        "optimisation: {epochs: 3, batch_size: 8}\ntargets: [{name: abnormal}]\n",
        "optimisation.epochs=20",
        "optimisation.learning_rate=1e-4",
        "augmentation.flip=no",
        "architecture.backbone_options.drop_path_rate=1e-1",
        "targets.0.weight=2",
    )
    assert (recipe.optimisation.epochs, recipe.optimisation.batch_size) == (20, 8)
    assert recipe.optimisation.learning_rate == 1e-4
    assert recipe.augmentation.flip is False
    assert recipe.architecture.backbone_options == {"drop_path_rate": 0.1}
    assert recipe.targets[0].weight == 2.0


def test_an_empty_file_or_section_keeps_the_defaults(tmp_path: Path) -> None:
    assert recipe_of(tmp_path, "") == TrainingRecipe()
    assert recipe_of(tmp_path, "optimisation:\n  # epochs: 3\n", "optimisation.epochs=4").optimisation.epochs == 4


def test_grades_may_be_written_as_numbers(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, "targets: [{name: grade, kind: ordinal, classes: [0, 1, 2]}]\n")
    assert recipe.outputs == ("grade>=1", "grade>=2")


def test_outputs_are_named_after_target_and_class() -> None:
    recipe = TrainingRecipe(
        targets=(
            Target(name="abnormal"),
            Target(name="disease", kind="multiclass", classes=("amd", "dr")),
            Target(name="grade", kind="ordinal", classes=("0", "1", "2")),
        )
    )
    assert recipe.outputs == ("abnormal", "disease=amd", "disease=dr", "grade>=1", "grade>=2")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("optimisation: {epoch: 3}", "recipe.yaml: 'optimisation.epoch' is not a setting (did you mean 'epochs'?)"),
        ("optimistion: {epochs: 3}", "(did you mean 'optimisation'?)"),
        ("epochs: 3", "'epochs' is not a setting (did you mean 'optimisation.epochs'?)"),
        ("targets: [{name: a, knd: binary}]", "'targets.0.knd' is not a setting (did you mean 'kind'?)"),
        ("optimisation: {epochs: many}", "'optimisation.epochs' is 'many'"),
        ("optimisation: {epochs: 0}", "'optimisation.epochs' is 0: Input should be greater than or equal to 1"),
        ("optimisation: {learning_rate: .inf}", "'optimisation.learning_rate' is inf"),
        ("optimisation: {loss: focl}", "'optimisation.loss' is 'focl': Input should be 'cross-entropy' or 'focal'"),
        ("preprocessing: {std: [1, 1, 0]}", "'preprocessing.std.2' is 0"),
        ("optimisation: fast", "'optimisation' is 'fast'"),
        ("seed: 1\nseed: 2", "line 1: 'seed' is set twice"),
        ("seed: [1", "recipe.yaml: not valid YAML: line 1"),
        ("- seed", "a recipe is a mapping of settings, not a list"),
        ("[" * 1500, "nested too deeply"),
        ("seed: !!python/object/apply:os.system [id]", "not valid YAML"),
        ("targets: []", "'targets' is []"),
        ("targets: [{name: a}, {name: a}]", "recipe.yaml: 'targets': two targets are called 'a'"),
        ("targets: [{name: 'a=b'}, {name: a, kind: multiclass, classes: [b, c]}]", "two outputs are called 'a=b'"),
        ("targets: [{name: a, classes: [x, y, z]}]", "'targets.0': a binary target has two classes"),
        ("targets: [{name: a, kind: ordinal, classes: [x]}]", "give at least two"),
        ("targets: [{name: a, kind: ordinal, classes: [x, x]}]", "two classes have the same name"),
        ("targets: [{name: a, kind: multiclass, classes: [no, yes]}]", "put a name in quotes"),
    ],
)
def test_a_wrong_setting_is_named_with_its_place_and_its_fix(tmp_path: Path, content: str, message: str) -> None:
    error = error_of(tmp_path, content)
    assert message in error
    assert "Tuple should have at least 1 item" not in error or content == "targets: []"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optimisation.epochs", "--set optimisation.epochs: expected key=value"),
        ("=3", "expected key=value"),
        ("optimisation..epochs=3", "expected key=value"),
        ("optimisation.epochs=[", "the value is not valid YAML"),
        ("optimisation.epoch=3", "(did you mean 'epochs'?)"),
        ("targets.5.weight=3", "there is no '5' to set; give all of 'targets.5' instead"),
        ("seed.value=3", "there is no 'value' to set"),
    ],
)
def test_a_wrong_override_is_named(tmp_path: Path, override: str, message: str) -> None:
    assert message in error_of(tmp_path, "seed: 1\ntargets: [{name: a}]\n", override)


def test_a_recipe_that_cannot_be_read_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"missing\.yaml: cannot be read: No such file"):
        read_recipe(TrainingRecipe, tmp_path / "missing.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"initialisation: M\xfcller")
    with pytest.raises(UserError, match=r"latin\.yaml: not valid YAML"):
        read_recipe(TrainingRecipe, tmp_path / "latin.yaml")


def laughs(depth: int, merged: bool = False) -> str:
    """A few lines of aliases, each of ten of the line before: 10 ** depth values."""
    lines = ["a0: &a0 {x: 1}" if merged else "a0: &a0 [x]"]
    for level in range(1, depth):
        inner = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} {{<<: [{inner}]}}" if merged else f"a{level}: &a{level} [{inner}]")
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [laughs(9), laughs(30), laughs(9, merged=True), "a: &a [*a]", "a: &a {b: *a}", f"seed: [{'0, ' * 20_000}]"],
    ids=["aliases", "many aliases", "merges", "itself in a list", "itself in a mapping", "long"],
)
def test_a_recipe_that_explodes_is_one_sentence_at_once(tmp_path, text):
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(UserError, match="stand for more than 10,000 values"):
        read_recipe(TrainingRecipe, tmp_path / "recipe.yaml")


def test_aliases_and_merges_of_a_reasonable_size_are_read(tmp_path):
    (tmp_path / "recipe.yaml").write_text("targets:\n- &one {name: a, weight: 2.0}\n- {<<: *one, name: b}\n")
    assert [target.weight for target in read_recipe(TrainingRecipe, tmp_path / "recipe.yaml").targets] == [2.0, 2.0]


@pytest.mark.parametrize("seed", ["4294967296", "9" * 400, "-1"])
def test_a_seed_that_no_generator_takes_is_refused(seed):
    with pytest.raises(UserError, match="'seed' is"):
        read_recipe(TrainingRecipe, overrides=[f"seed={seed}"])
    assert read_recipe(TrainingRecipe, overrides=["seed=4294967295"]).seed == 4294967295


def test_american_spellings_and_former_names_are_taken_in_files_and_overrides(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("optimization: {epochs: 3}\naugmentation: {color: 0.1}\nteaching: {share: 0.2}\n", encoding="utf-8")
    recipe = read_recipe(TrainingRecipe, path, ["initialization=scratch", "optimization.warmup=0.2"])
    assert (recipe.optimisation.epochs, recipe.optimisation.warmup) == (3, 0.2)
    assert (recipe.augmentation.colour, recipe.soft_labels.share, recipe.initialisation) == (0.1, 0.2, "scratch")


def test_a_setting_under_both_of_its_names_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("optimization: {epochs: 3}\noptimisation: {epochs: 4}\n", encoding="utf-8")
    with pytest.raises(UserError, match="'optimization' is not a setting"):
        read_recipe(TrainingRecipe, path)
