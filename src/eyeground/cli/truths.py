"""`--truth OUTPUT=COLUMN`: which label column of a manifest is the truth of which output of a model."""

import typer

from eyeground.errors import UserError

TRUTH = typer.Option(
    [],
    "--truth",
    help="Label column that is the truth of an output, as OUTPUT=COLUMN, such as "
    "'diabetic_retinopathy_grade>=2=referable'; repeat for more. Columns called as a target need none.",
)


def columns_of_truths(texts: list[str]) -> dict[str, str]:
    """OUTPUT=COLUMN pairs; an output's own name may hold '='.

    Raises:
        UserError: If one is no pair, or an output comes twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        output, separator, column = (part.strip() for part in text.rpartition("="))
        if not separator or not output or not column:
            raise UserError(f"--truth '{text}': expected OUTPUT=COLUMN, such as abnormal=referable")
        if output in found:
            raise UserError(f"--truth: '{output}' is given twice")
        found[output] = column
    return found
