"""`weir retrain` before it reaches anything."""

from pathlib import Path

from click.testing import CliRunner

from streams.cli.retrain import retrain


def test_a_card_that_could_not_be_written_is_refused_before_anything_is_learned(tmp_path: Path) -> None:
    done = CliRunner().invoke(retrain, ["--model", "churn", "--card", str(tmp_path / "none" / "card.html")])
    assert done.exit_code == 2
    assert "--card" in done.output
    assert f"{tmp_path}/none is no folder that can be written to" in done.output.replace("\n", " ")
