"""GPTQ as its paper has it, with the inverse of the Hessian: error_feedback.py WORK

Reads w.npy (rows, columns), h.npy (columns, columns) and step.npy (one number) and writes codes.npy: Frantar et al., "GPTQ: Accurate Post-Training
Quantization for Generative Pre-trained Transformers" (2023), algorithm 1 with blocks of one column, columns in descending order of the diagonal.
"""

import sys

import numpy as np

work = sys.argv[1]
w = np.load(work + "/w.npy").astype(np.float64)
h = np.load(work + "/h.npy").astype(np.float64)
step = float(np.load(work + "/step.npy")[0])
n = len(h)
h = h + np.eye(n) * np.diag(h).mean() * 0.01
order = np.argsort(-np.diag(h), kind="stable")
h, w = h[np.ix_(order, order)], w[:, order].copy()
upper = np.linalg.cholesky(np.linalg.inv(h)).T
codes = np.zeros_like(w)
for k in range(n):
    codes[:, k] = np.rint(w[:, k] / step)
    error = (w[:, k] - codes[:, k] * step) / upper[k, k]
    w[:, k + 1:] -= np.outer(error, upper[k, k + 1:])
result = np.zeros_like(codes)
result[:, order] = codes
np.save(work + "/codes.npy", result.astype(np.int32))
