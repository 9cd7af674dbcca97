"""A table to try `weir models train` on, and a request: python docs/examples/breast_cancer.py TABLE.csv REQUEST.json"""

import json
import sys
from pathlib import Path

from sklearn.datasets import load_breast_cancer

table, request = map(Path, sys.argv[1:])

data = load_breast_cancer(as_frame=True)
tumours = data.frame.drop(columns="target")
tumours["diagnosis"] = [data.target_names[number] for number in data.target]  # malignant or benign
tumours.to_csv(table, index=False)

features = tumours.drop(columns="diagnosis").iloc[0].to_dict()
request.write_text(json.dumps({"entity": "patient-1", "model": table.stem, "features": features}))
