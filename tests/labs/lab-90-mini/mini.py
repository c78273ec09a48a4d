# %% [markdown] tags=["en"]
# # A small lab
# %% [markdown] tags=["zh"]
# # 小实验
# %% tags=["export"]
import math

import torch
from torch import Tensor

import labkit


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "softmax-solution", "cell_type": "code"}
def softmax(x: Tensor, dim: int) -> Tensor:
    """exp(x) / sum(exp(x)) along `dim`, stable for large x."""
    ### BEGIN SOLUTION
    shifted = torch.exp(x - x.amax(dim, keepdim=True))
    return shifted / shifted.sum(dim, keepdim=True)
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "points": 4, "schema_version": 3, "grade_id": "softmax", "cell_type": "code"}
labkit.check("softmax")


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "attention-solution", "cell_type": "code"}
def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Scaled dot-product attention of q (T, D), k (S, D), v (S, D)."""
    ### BEGIN SOLUTION
    return softmax(q @ k.T / math.sqrt(q.shape[-1]), -1) @ v
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "points": 6, "schema_version": 3, "grade_id": "attention", "cell_type": "code"}
labkit.check("attention")


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "rms-norm-solution", "cell_type": "code"}
class RMSNorm(torch.nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight over the last axis of size `d_model`."""

    def __init__(self, d_model: int, eps: float = 1e-6) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.weight = torch.nn.Parameter(torch.ones(d_model))
        self.eps = eps
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        ### BEGIN SOLUTION
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight
        ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "points": 6, "schema_version": 3, "grade_id": "rms-norm", "cell_type": "code"}
labkit.check("rms-norm")
