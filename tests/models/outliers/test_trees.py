import numpy as np
import pytest

from models import onnx
from models.outliers.trees import Tree, graph
from models.signature import Feature, Signature

ONE, NEXT = np.float32(1), np.nextafter(np.float32(1), np.float32(2))
SIGNATURE = Signature((Feature("x", "float"),), "y", (), "regression")


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.9, 1.0])
def test_rows_go_where_they_went_by_cuts_that_no_float32_holds(share: float, strict: bool) -> None:
    cut = float(ONE) + share * (float(NEXT) - float(ONE))
    values, worth = np.array([cut, 0.0, 0.0]), np.array([0.0, 1.0, 2.0])
    tree = Tree(np.array([0, -1, -1]), values, np.array([1, 0, 0]), np.array([2, 0, 0]), worth)
    sums = onnx.load(graph([tree], 1, strict=strict), SIGNATURE).score(np.array([[ONE], [NEXT]]))
    expected = [1.0 if (x < cut if strict else x <= cut) else 2.0 for x in (float(ONE), float(NEXT))]
    assert sums.tolist() == expected


def test_leaves_of_all_trees_add_up_and_a_leaf_alone_is_a_tree() -> None:
    nothing = np.zeros(1, dtype=np.intp)
    leaf = Tree(nothing - 1, np.zeros(1), nothing, nothing, np.array([0.25]))
    assert onnx.load(graph([leaf] * 3, 1, strict=False), SIGNATURE).score(np.array([[ONE]])).tolist() == [0.75]
