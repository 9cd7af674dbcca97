"""A model to try `weir models publish` on, trained without Weir: python docs/examples/late_payments.py MODEL.onnx"""

import sys
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

random = np.random.default_rng(1)
orders, amount, plan = random.integers(0, 50, 2000), random.gamma(2, 40, 2000), random.integers(1, 4, 2000)
late = random.random(2000) < 1 / (1 + np.exp(orders / 10 - amount / 60 + plan - 1))

# The third column holds 1, 2, 3 for the categories in the signature's order; 0, any other, is none of them.
columns = make_column_transformer(
    (StandardScaler(), [0, 1]), (OneHotEncoder(categories=[[1, 2, 3]], handle_unknown="ignore"), [2])
)
model = make_pipeline(columns, LogisticRegression())
model.fit(np.column_stack([orders, amount, plan]).astype(np.float32), late)

# One float32 input `features` [None, 3]; without ZipMap the output `probabilities` is a float32 tensor [None, 2].
graph = to_onnx(model, initial_types=[("features", FloatTensorType([None, 3]))], options={"zipmap": False})
Path(sys.argv[1]).write_bytes(graph.SerializeToString())
