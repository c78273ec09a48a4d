# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["en"]
# # TITLE-EN
#
# Say in two sentences what the student will have built, and what it is good for.
#
# **You will be able to**
# - turn the numbers of a model into probabilities, sharper or flatter;
# - say how well a model predicts a text.
#
# **Time** half an hour. **You need** Python and tensors in PyTorch.
#
# **How it works** Cells with `# YOUR CODE HERE` are yours. The check cell below each problem tries a few small cases at
# once; the score comes from other, hidden tests.

# %% [markdown] tags=["zh"]
# # TITLE-ZH
#
# 用两句话说明学生将会做出什么、有什么用。
#
# **学完之后，你能够**
# - 把模型输出的数变成概率，并控制它的尖锐程度；
# - 说清一个模型对一段文本预测得有多好。
#
# **时间** 半小时。**你需要** Python 和 PyTorch 张量的基础。
#
# **怎么做** 带 `# YOUR CODE HERE` 的单元格由你完成。每道题下面的检查单元格会立刻试几个小例子；评分用的是另外的隐藏测试。

# %% tags=["export"]
import torch
import torch.nn.functional as F
from torch import Tensor

import labkit

# %% [markdown] tags=["en"]
# ## 1. From numbers to probabilities
#
# Open with something that runs and surprises. Here: the same three numbers, at three temperatures.

# %% [markdown] tags=["zh"]
# ## 1. 从数到概率
#
# 以一段能运行、让人意外的代码开头。这里是同样的三个数在三种温度下的结果。

# %%
for temperature in (0.5, 1.0, 2.0):
    print(temperature, F.softmax(torch.tensor([2.0, 1.0, 0.0]) / temperature, dim=-1))

# %% [markdown] tags=["en"]
# Then explain why: $p_i = \exp(z_i / \tau) / \sum_j \exp(z_j / \tau)$. Then let the student build it.

# %% [markdown] tags=["zh"]
# 然后解释原因：$p_i = \exp(z_i / \tau) / \sum_j \exp(z_j / \tau)$。再让学生自己写出来。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "probabilities-solution", "cell_type": "code"}
def probabilities(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """The softmax of `logits / temperature` over the last axis, finite for large logits too. Use no softmax of PyTorch's.

    Args:
        logits: (..., V).
        temperature: above 0; a small one makes the largest probability larger.

    Returns:
        (..., V), with the sum 1 over the last axis.

    Raises:
        ValueError: the temperature is 0 or below.
    ---
    `logits / temperature` 在最后一维上的 softmax，logits 很大时结果也有限。不要用 PyTorch 的 softmax。

    Args:
        logits: (..., V)。
        temperature: 大于 0；越小，最大的那个概率越大。

    Returns:
        (..., V)，最后一维之和为 1。

    Raises:
        ValueError: 温度为 0 或负数。
    """
    ### BEGIN SOLUTION
    if temperature <= 0:
        raise ValueError("the temperature must be above 0")
    scaled = logits / temperature
    weights = (scaled - scaled.amax(-1, keepdim=True)).exp()
    return weights / weights.sum(-1, keepdim=True)
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "points": 50, "schema_version": 3, "grade_id": "probabilities", "cell_type": "code"}
labkit.check("probabilities")

# %% [markdown] tags=["en"]
# Then let the student meet the same thing in the library, and compare the two.

# %% [markdown] tags=["zh"]
# 最后让学生在常用的库里看到同样的东西，并作比较。

# %%
logits = torch.randn(2, 5)
print((probabilities(logits) - F.softmax(logits, dim=-1)).abs().max())

# %% [markdown] tags=["en"]
# ## 2. How well does it predict?
#
# The perplexity is $\exp\left(-\frac1N \sum \log p(\text{target})\right)$: the number of equally likely tokens that the
# model chooses from.

# %% [markdown] tags=["zh"]
# ## 2. 预测得有多好？
#
# 困惑度为 $\exp\left(-\frac1N \sum \log p(\text{target})\right)$：相当于模型在多少个等可能的 token 之间选择。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "perplexity-solution", "cell_type": "code"}
def perplexity(logits: Tensor, targets: Tensor) -> float:
    """exp of the mean negative log-likelihood (natural logarithm) of the targets, every token counting alike.

    The result is finite for every finite loss, however unlikely a single token is.

    Args:
        logits: (B, T, V).
        targets: (B, T), the ids of the tokens that came.
    ---
    目标 token 的负对数似然（自然对数）取平均后再取 exp，每个 token 权重相同。

    只要损失有限，结果就有限，哪怕某个 token 极不可能。

    Args:
        logits: (B, T, V)。
        targets: (B, T)，实际出现的 token 的编号。
    """
    ### BEGIN SOLUTION
    log_p = logits.log_softmax(-1).gather(-1, targets[..., None])
    return (-log_p.mean()).exp().item()
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "points": 50, "schema_version": 3, "grade_id": "perplexity", "cell_type": "code"}
labkit.check("perplexity")

# %% [markdown] tags=["en"]
# ## Summary
#
# - One sentence for each idea.
#
# **Questions to think about**: three of them. **Further reading**: papers with year and section.

# %% [markdown] tags=["zh"]
# ## 小结
#
# - 每个要点一句话。
#
# **思考题**：三道。**延伸阅读**：论文，注明年份和章节。
