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
# # Lab 04, notebook 7: many GPUs
#
# A model of 7 billion parameters needs 112 GB before it has seen a single token. On one GPU, at 400 TFLOP/s ($4\cdot 10^{14}$ floating-point operations per second), the 15 trillion tokens of Llama 3 would take it fifty years. (Sections 3 and 5 work these out.) So the work is split: the data, the
# optimizer, the matrices, the layers. In this notebook **two real processes** train one model together, with your code, on your CPU. They exchange data by the same few operations that
# 16,384 GPUs used when Llama 3 was trained.
#
# **You will be able to**
# - write data parallelism by hand, and say when the mean of the ranks' gradients (a *rank* is a process, by its number) is *not* the gradient of the batch;
# - shard the optimizer as ZeRO does, and measure that each rank keeps only its share;
# - split the matrices of a layer over the ranks as Megatron does, forward and backward;
# - work out memory, communication and time of a training run, and check your figures against published ones.
#
# **Time** about three hours. Running everything takes about a minute on two CPU cores.
#
# **You need** `nn.Module`, autograd and AdamW; no other notebook of this lab. 2 GB of free memory, no GPU. (`profile = "gpu"` uses all cards of one machine, at least two, and a wider model. It was not run for this text.)
#
# **How it works** Cells with `# YOUR CODE HERE` are yours. A check cell tries a few small cases at once; the score comes from other, hidden tests. All other cells just run.

# %% [markdown] tags=["zh"]
# # 实验 04，第 7 节：多 GPU 训练
#
# 一个 70 亿参数的模型，还没见到一个 token 就要占 112 GB；而只靠一张 GPU，按 400 TFLOP/s（每秒 $4\cdot 10^{14}$ 次浮点运算）算，学完 Llama 3 的 15 万亿 token 要五十年。（这两个数在第 3、5 小节算出来。）所以要把工作拆开：拆数据、拆优化器、拆矩阵、拆层。
# 在这个笔记本里，**两个真实的进程**用你写的代码、在你的 CPU 上一起训练同一个模型。它们交换数据用的，正是训练 Llama 3 时 16,384 张 GPU 用的那几种操作。
#
# **学完之后，你能够**
# - 手写数据并行，并说清什么时候各个 rank（进程编号，也指这个进程）的梯度平均**不等于**整批（batch）的梯度；
# - 像 ZeRO 那样把优化器切片，并测出每个 rank 只保存自己的那一份；
# - 像 Megatron 那样把一层的矩阵切给各个 rank，前向和反向都对；
# - 算出一次训练的显存、通信量和时间，并与公开发表的数字核对。
#
# **时间** 约三小时。全部单元格在两个 CPU 核上跑一遍约需一分钟。
#
# **预备知识** `nn.Module`、自动求导和 AdamW；不依赖本实验的其他笔记本。2 GB 空闲内存，不需要 GPU。（`profile = "gpu"` 使用一台机器上的所有卡，至少两张，模型也更宽；写这段文字时没有实际跑过。）
#
# **做法** 带 `# YOUR CODE HERE` 的单元格由你来写。检查单元格会立刻试几个小例子；最终得分来自另外的隐藏测试。其余单元格直接运行即可。

# %% tags=["export"]
import copy
import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import labkit
from labkit.ranks import Group

# %%
profile = "cpu"  # or "gpu"

# %%
import time

import matplotlib.pyplot as plt
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from labkit import corpora, plots, ranks

SETTINGS = {
    "cpu": {"device": "cpu", "width": 192, "steps": 120, "batch": 256},
    "gpu": {"device": "cuda", "width": 4096, "steps": 1000, "batch": 4096},
}[profile]
DEVICE = SETTINGS["device"]
RANKS = 2 if profile == "cpu" else torch.cuda.device_count()
BLUE, ORANGE, GREY, GREEN = "#1f77b4", "#ff7f0e", "#d9d9d9", "#2ca02c"

torch.manual_seed(0)
plots.style()

# %% [markdown] tags=["en"]
# ## 1. A surprise
#
# A small model reads 8 bytes of English and predicts the next one (Bengio et al. 2003 did it with words). First one process trains it on 120 batches of 256. Then two processes do, each of
# which **sees only its half of every batch**; they are two Python processes that share no memory, each with its own model and its own optimizer. We do that twice. The first time they average their gradients
# before each step (that is PyTorch's `DistributedDataParallel`, DDP for short: one line). The second time that line was forgotten.

# %% [markdown] tags=["zh"]
# ## 1. 一件出人意料的事
#
# 一个小模型读 8 个字节的英文，预测下一个字节（Bengio 等 2003 用词做过同样的事）。先由一个进程训练它，共 120 批，每批 256 条。再换成两个进程，
# 每个进程**只看到每一批的一半**；它们是两个互不共享内存的 Python 进程，各有各的模型、各有各的优化器。这样训练两次：第一次在每步之前先把梯度平均
# （也就是 PyTorch 的 `DistributedDataParallel`，简称 DDP，一行代码），第二次忘了写这一行。

# %%
CONTEXT = 8
text = torch.tensor(list("\n".join(corpora.load("en", max_bytes=400_000)).encode()))
windows = text.unfold(0, CONTEXT + 1, 1)  # (N, 9)
held_out, training = windows[-2000:], windows[: -2000 - CONTEXT]
chosen = torch.randint(len(training), (SETTINGS["steps"], SETTINGS["batch"]))
batches = training[chosen].contiguous()  # (steps, batch, 9)
source = corpora.sources("en")
print(say(f"{len(text):,} bytes of text, from {source}", f"{len(text):,} 字节的文本，来自 {source}"))


def new_model() -> nn.Module:
    """The same one every time.
    ---
    每次都一样的模型。
    """
    torch.manual_seed(1)
    width = SETTINGS["width"]
    return nn.Sequential(
        nn.Embedding(256, 16),
        nn.Flatten(),
        nn.Linear(16 * CONTEXT, width),
        nn.GELU(),
        nn.Linear(width, 256),
    )


def loss_of(model: nn.Module, rows: Tensor) -> Tensor:
    """The mean loss of predicting the last byte of each row.
    ---
    预测每行最后一个字节的平均损失。
    """
    return F.cross_entropy(model(rows[:, :-1]), rows[:, -1])


def flat(model: nn.Module) -> Tensor:
    """All weights in one row.
    ---
    所有权重排成一行。
    """
    return torch.cat([p.detach().flatten() for p in model.parameters()]).cpu()


def train(
    group: Group,
    batches: Tensor,
    held_out: Tensor,
    average: bool,
) -> tuple[list[float], list[Tensor]]:
    """The program that each rank runs: it trains on its share of every batch.

    Returns held-out losses and weights on the way.
    ---
    每个 rank 运行的程序：在每一批里自己的那一份上训练。

    返回途中的留出损失和权重。
    """
    model = new_model().to(group.device)
    replica = nn.parallel.DistributedDataParallel(model) if average and group.size > 1 else model
    optimizer = torch.optim.AdamW(replica.parameters(), lr=3e-3)
    losses, weights = [], [flat(model)]
    for step, batch in enumerate(batches, start=1):
        mine = batch.chunk(group.size)[group.rank].to(group.device)
        optimizer.zero_grad()
        loss_of(replica, mine).backward()
        optimizer.step()
        if step % 10 == 0:
            with torch.no_grad():
                losses.append(loss_of(model, held_out.to(group.device)).item())
            weights.append(flat(model))
    return losses, weights


def train_twice(group: Group, batches: Tensor, held_out: Tensor) -> list:
    return [train(group, batches, held_out, average) for average in (True, False)]


[(alone_losses, alone)] = ranks.threads(1, train, batches, held_out, False)
start = time.perf_counter()
results = ranks.processes(RANKS, train_twice, batches, held_out, device=DEVICE)
together, apart = zip(*results, strict=True)
seconds = time.perf_counter() - start
print(
    say(
        f"{RANKS} processes: {seconds:.0f} s, most of it to start Python and import torch",
        f"{RANKS} 个进程：{seconds:.0f} 秒，大部分用来启动 Python 和导入 torch",
    )
)

# %%
ticks = [10 * i for i in range(len(alone))]
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.4))
name = say("one process, whole batches", "一个进程，完整的批")
left.plot(ticks[1:], alone_losses, color=GREY, lw=6, label=name)
name = say("two processes that average, rank 0", "做平均的两个进程，rank 0")
left.plot(ticks[1:], together[0][0], color=BLUE, label=name)
for rank in (0, 1):
    name = say(f"two that do not, rank {rank}", f"不做平均的两个，rank {rank}")
    left.plot(ticks[1:], apart[rank][0], ("--", ":")[rank], color=ORANGE, label=name)
left.set(
    xlabel=say("step", "步数"),
    ylabel=say("nats per byte", "每字节的 nat 数"),
    title=say("loss on held-out text", "留出文本上的损失"),
)
left.legend(frameon=False)
for name, (first, second), colour in [
    (say("ranks 0 and 1, not averaging", "rank 0 与 rank 1，不做平均"), (apart[0][1], apart[1][1]), ORANGE),
    (say("one process and rank 0, averaging", "单个进程与 rank 0，做平均"), (alone, together[0][1]), GREY),
    (say("ranks 0 and 1, averaging", "rank 0 与 rank 1，做平均"), (together[0][1], together[1][1]), BLUE),
]:
    distances = [(a - b).norm().item() for a, b in zip(first, second, strict=True)]
    right.plot(ticks, distances, color=colour, label=name)
right.set_yscale("symlog", linthresh=1e-6)
right.set_ylim(-3e-7, 1e3)
right.set(
    xlabel=say("step", "步数"),
    ylabel=say("norm of the difference", "差的范数"),
    title=say("distance between the weights of two replicas", "两个副本的权重之间的距离"),
)
right.legend(frameon=False)
plt.show()
between_ranks = (together[0][1][-1] - together[1][1][-1]).abs().max()
from_alone = (alone[-1] - together[0][1][-1]).abs().max()
drifted = (apart[0][1][-1] - apart[1][1][-1]).norm()
print(
    say(
        f"rank 0 and rank 1, averaging: largest difference {between_ranks:.1e}\n"
        f"one process and rank 0:       largest difference {from_alone:.1e}\n"
        f"not averaging: distance {drifted:.1f}; "
        f"the weights themselves have norm {alone[-1].norm():.1f}",
        f"rank 0 与 rank 1，做平均：最大差别 {between_ranks:.1e}\n"
        f"单个进程与 rank 0：       最大差别 {from_alone:.1e}\n"
        f"不做平均：相距 {drifted:.1f}；权重本身的范数是 {alone[-1].norm():.1f}",
    )
)

# %% [markdown] tags=["en"]
# On the left, the two that averaged follow the single process (grey). On the right, their weights never differ (blue, at zero): they end with **the same weights to the last bit**, and with those of the single process up to rounding (grey), though neither ever saw a whole batch. The two that did not average (orange) are
# two different models by now. Nothing fails, no error appears, even the loss of each looks reasonable; each has learnt from half of the data, and one of the two will be thrown away.
#
# How does a cell of a notebook run in another process? `ranks.processes(2, program, ...)` starts two fresh Pythons, sends them the function with all that it uses, and lets them find each other.
# Each gets a `group`, its only connection to the others:
#
# | | gets | returns, on every rank |
# |---|---|---|
# | `group.rank`, `group.size` | | who I am: 0, 1, …, and how many we are |
# | `group.all_reduce(x)` | $(n)$ | the **sum** of all ranks' `x`, $(n)$ |
# | `group.broadcast(x, source)` | $(n)$ | the `x` of rank `source` |
# | `group.all_gather(x)` | $(n)$ | everybody's `x`, one after another, $(\mathrm{size}\cdot n)$ |
# | `group.reduce_scatter(x)` | $(\mathrm{size}\cdot n)$ | **its own part** of the sum, $(n)$: rank 0 the first $n$, and so on |
#
# Data parallelism, ZeRO and tensor parallelism are made of these four. (A pipeline only sends and receives between two ranks, as the ring of section 5 does. Mixtures of experts add an all-to-all.) All ranks run the *same* program, and must call the *same* operations in the same order; one that does not leaves
# the others waiting. `ranks.threads` runs the same program with threads in this process: it starts fast, and the checks use it. Here the four are at work:

# %% [markdown] tags=["zh"]
# 左图：做了平均的两个进程与单个进程（灰线）走势相同。右图：它们的权重从来没有差别（蓝线，在零处），最后的权重**逐位相同**，与单个进程的结果也只差舍入误差（灰线），尽管它们谁也没见过完整的一批。没做平均的两个（橙线），此时已经是两个不同的模型：
# 没有任何报错，各自的损失甚至看着还行；它们各学了一半数据，而其中一个迟早要扔掉。
#
# 笔记本里的一个单元格怎么能跑在另一个进程里？`ranks.processes(2, program, ...)` 会启动两个全新的 Python，把这个函数连同它用到的一切发过去，再让它们互相找到对方。
# 每个进程拿到一个 `group`，这是它与其他进程联系的唯一途径：
#
# | | 传入 | 每个 rank 上的返回值 |
# |---|---|---|
# | `group.rank`、`group.size` | | 我是几号（0、1……），一共几个 |
# | `group.all_reduce(x)` | $(n)$ | 所有 rank 的 `x` 之**和**，$(n)$ |
# | `group.broadcast(x, source)` | $(n)$ | `source` 号 rank 的 `x` |
# | `group.all_gather(x)` | $(n)$ | 所有 rank 的 `x` 依次接起来，$(\mathrm{size}\cdot n)$ |
# | `group.reduce_scatter(x)` | $(\mathrm{size}\cdot n)$ | 总和中**属于自己的那一段**，$(n)$：0 号拿前 $n$ 个，依此类推 |
#
# 数据并行、ZeRO 和张量并行都由这四个拼成。（流水线只在两个 rank 之间发送和接收，第 5 小节的环也是这样；混合专家模型还要用 all-to-all。）所有 rank 运行**同一个**程序，必须按相同的顺序调用**相同的**操作；谁不照做，其他 rank 就只能干等。
# `ranks.threads` 用本进程里的线程运行同样的程序：启动快，检查单元格用的就是它。先看它们怎么工作：


# %%
def four_operations(group: Group) -> dict[str, list[float]]:
    x = torch.arange(2.0) + 10 * group.rank
    results = {
        "x": x,
        "all_reduce(x)": group.all_reduce(x),
        "broadcast(x, 1)": group.broadcast(x, 1),
        "all_gather(x)": group.all_gather(x),
        "reduce_scatter(x)": group.reduce_scatter(x),
    }
    return {name: value.tolist() for name, value in results.items()}


both = ranks.threads(2, four_operations)
for name in both[0]:
    print(f"{name:18} rank 0: {both[0][name]!s:26} rank 1: {both[1][name]}")

# %% [markdown] tags=["en"]
# ## 2. Data parallelism
#
# Why does it work? The loss of a batch is a mean, so its gradient is the mean of the examples' gradients, and it does not matter who computes which. Let rank $r$ have $n_r$ of the examples, and let $g_r$ be the gradient
# of the mean loss over **its own** examples. Then the gradient of the whole batch is
#
# $$ g = \frac{\sum_r n_r\, g_r}{\sum_r n_r} .$$
#
# If all $n_r$ are equal, this is the mean of the $g_r$, which is what DDP computes. If they are not equal (the last batch of an epoch; tokens that are not padding, whose number differs on every rank), the
# mean of the means is **not** the mean: an example on a rank with few examples counts for more. Gradient accumulation (notebook 4, section 4) has the same pitfall.
#
# **The pitfall of this section.** A parameter that took no part in a rank's batch has `grad = None` there: an expert of a mixture that no token chose, a head for another language. If that rank skips it
# while the others average it, the ranks no longer call the same operations. A real run then waits, until its time-out ends it (with NCCL, NVIDIA's library for these operations, after 10 minutes by default). DDP raises an error in the next forward pass instead, or, with `find_unused_parameters=True`, marks such parameters as ready.
# Here the rule is: a missing gradient counts as a gradient of zero.
#
# ### Problem 10 (14 points), first part: `average_gradients`
#
# It is the only problem of this notebook; its four parts are in sections 2 to 5. `labkit.check("parallel")`, in a cell of your own, shows at any time
# what is right already; it marks what is not there yet with ○, as not defined or not written yet.

# %% [markdown] tags=["zh"]
# ## 2. 数据并行
#
# 为什么行得通？一批的损失是平均值，所以它的梯度就是各个样本梯度的平均，由谁来算哪一部分无所谓。设 rank $r$ 有 $n_r$ 个样本，
# $g_r$ 是**它自己那些样本**的平均损失的梯度，那么整批的梯度是
#
# $$ g = \frac{\sum_r n_r\, g_r}{\sum_r n_r} .$$
#
# 如果各个 $n_r$ 相等，这就是 $g_r$ 的平均，DDP 算的正是它。如果不等（一个 epoch 的最后一批；除去填充之后各 rank 的 token 数不同），
# 平均的平均就**不是**平均：样本少的 rank 上，每个样本占的分量更重。梯度累积（第 4 节第 4 小节）里有同样的坑。
#
# **本节的坑。** 某个参数若没有参与这个 rank 的计算，它在这里的 `grad` 就是 None：比如没有 token 选中的专家，或者另一种语言的输出头。如果这个 rank 跳过它，而别的 rank 要平均它，
# 各 rank 调用的操作就对不上了。真实的训练会一直等下去，直到超时被终止（NCCL 是 NVIDIA 做这些操作的通信库，默认 10 分钟）。DDP 则会在下一次前向时报错；设 `find_unused_parameters=True`，它就把这样的参数标记为已就绪。
# 这里的规则是：缺少的梯度按零计算。
#
# ### 第 10 题（14 分），第一部分：`average_gradients`
#
# 这个笔记本只有这一道题，四个部分在第 2 到 5 小节。随时可以在自己的单元格里运行 `labkit.check("parallel")`，看看哪些已经对了；还没写到的部分标着 ○，注明“尚未定义”或“尚未编写”，不必在意。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "average-solution", "cell_type": "code"}
def average_gradients(model: nn.Module, group: Group, n_examples: int) -> None:
    """Replaces the gradients of a replica by those of the mean loss over the examples of all ranks.

    Args:
        model: its gradients are those of the mean loss over this rank's own examples.
        n_examples: how many these are. Ranks may have different numbers. A rank with none, 0, has
            no gradients either, and takes part in all operations like the others.

    Afterwards each parameter that requires a gradient has one, the same on all ranks to the bit. A
    gradient that was None on a rank counts as zero there; the rank's examples count all the same.
    Parameters that do not require a gradient are left alone: theirs stays None.

    Source: Li et al. 2020, PyTorch Distributed, section 3.2, there for equal numbers.
    ---
    把一个副本的梯度换成所有 rank 全部样本的平均损失的梯度。

    参数：
        model: 它的梯度是本 rank 自己那些样本的平均损失的梯度。
        n_examples: 本 rank 的样本数，各 rank 可以不同。没有样本（0）的 rank 也没有梯度，但照样参加所有操作。

    之后，每个需要梯度的参数都有梯度，而且在所有 rank 上逐位相同。某个 rank 上原来为 None 的梯度，在那里按零计算，
    但那个 rank 的样本数照常计入。不需要梯度的参数不要动：它的梯度仍是 None。

    出处：Li 等 2020，PyTorch Distributed，3.2 节（那里各 rank 的样本数相等）。
    """
    ### BEGIN SOLUTION
    total = group.all_reduce(torch.tensor(float(n_examples), device=group.device)).item()
    for parameter in model.parameters():
        if parameter.requires_grad:
            gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            parameter.grad = group.all_reduce(gradient * n_examples) / total
    ### END SOLUTION


# %% [markdown] tags=["en"]
# Two programs use it (they are given, and grading runs them too). `average_on_each` lets each rank average its gradients; `train_on_each` is a training loop whose ranks have shares of any size.

# %% [markdown] tags=["zh"]
# 下面两个程序会用到它（这是给定的，评分时也运行它们）。`average_on_each` 让每个 rank 平均自己的梯度；`train_on_each` 是一个训练循环，各 rank 分到的份额可大可小。


# %% tags=["export"]
def average_on_each(
    group: Group,
    models: list[nn.Module],
    counts: list[int],
) -> list[Tensor | None]:
    """Each rank averages the gradients that its model has, and returns them.
    ---
    每个 rank 平均自己模型的梯度，并返回它们。
    """
    average_gradients(models[group.rank], group, counts[group.rank])
    return [parameter.grad for parameter in models[group.rank].parameters()]


def train_on_each(
    group: Group, model: nn.Module, x: Tensor, y: Tensor, cuts: list[int], lr: float
) -> tuple[list[Tensor], list[Tensor]]:
    """Each rank trains a copy of the model with SGD.

    Args:
        x, y: (steps, batch, ...): of each batch, rank r sees cuts[r] to cuts[r + 1] only.

    Returns:
        the parameters, and the gradients of the last step.
    ---
    每个 rank 用 SGD 训练模型的一份拷贝。

    参数：
        x, y: (steps, batch, ...)：每一批里，r 号 rank 只看到 cuts[r] 到 cuts[r + 1]。

    返回：
        参数，以及最后一步的梯度。
    """
    model = copy.deepcopy(model).to(group.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    mine = slice(cuts[group.rank], cuts[group.rank + 1])
    for inputs, targets in zip(
        x[:, mine].to(group.device),
        y[:, mine].to(group.device),
        strict=True,
    ):
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), targets).backward()
        average_gradients(model, group, len(inputs))
        optimizer.step()
    return (
        [p.detach().cpu() for p in model.parameters()],
        [p.grad.cpu() for p in model.parameters()],
    )


# %% [markdown] tags=["en"]
# **Two real processes, uneven shares.** Of each batch of 256, rank 0 gets 32 and rank 1 gets 224. We compare with one process that sees all 256, and with DDP, which divides by the number of ranks.

# %% [markdown] tags=["zh"]
# **两个真实的进程，份额不均。** 每一批的 256 条里，0 号拿 32 条，1 号拿 224 条。与看到全部 256 条的单个进程比较；再与 DDP 比较：DDP 除以的是 rank 的个数。


# %%
def ddp_gradients(group: Group, model: nn.Module, rows: Tensor, cuts: list[int]) -> tuple:
    """DDP's gradients for one batch, in one row, and how many numbers each all-reduce carries.

    Two passes: after the first one DDP knows in which order the gradients come.
    ---
    DDP 在一批数据上的梯度（排成一行），以及它的每次 all-reduce 传多少个数。

    走两遍：第一遍之后，DDP 才知道梯度算出来的先后次序。
    """
    from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook

    replica = nn.parallel.DistributedDataParallel(model.to(group.device), bucket_cap_mb=0.05)
    sizes = []

    def count(state: None, bucket: torch.distributed.GradBucket) -> torch.futures.Future[Tensor]:
        sizes.append([gradient.numel() for gradient in bucket.gradients()])
        return allreduce_hook(None, bucket)

    replica.register_comm_hook(None, count)
    mine = rows[cuts[group.rank] : cuts[group.rank + 1]].to(group.device)
    for _ in range(2):
        sizes.clear()
        model.zero_grad()
        loss_of(replica, mine).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()]).cpu(), sizes


def yours_and_ddp(group: Group, model: nn.Module, batches: Tensor, cuts: list[int]) -> tuple:
    yours = train_on_each(group, model, batches[..., :-1], batches[..., -1], cuts, 0.5)
    return yours, ddp_gradients(group, model, batches[0], cuts)


model, cuts = new_model(), [0, SETTINGS["batch"] // 8, SETTINGS["batch"]]
uneven = ranks.processes(2, yours_and_ddp, model, batches[:5], cuts, device=DEVICE)
inputs, targets = batches[:5, :, :-1], batches[:5, :, -1]
[whole] = ranks.threads(1, train_on_each, model, inputs, targets, [0, SETTINGS["batch"]], 0.5)
runs = (uneven[0][0], uneven[1][0], whole)
weights = [torch.cat([p.flatten() for p in parameters]) for parameters, _ in runs]
of_ranks, of_one = ((weights[0] - other).abs().max() for other in weights[1:])
print(
    say(
        f"five steps of SGD with your average_gradients, {cuts[1]} and {cuts[2] - cuts[1]} examples:\n"
        f"  rank 0 and rank 1:      largest difference {of_ranks:.1e}\n"
        f"  rank 0 and one process: largest difference {of_one:.1e}",
        f"用你的 average_gradients 走五步 SGD，样本数为 {cuts[1]} 和 {cuts[2] - cuts[1]}：\n"
        f"  rank 0 与 rank 1：  最大差别 {of_ranks:.1e}\n"
        f"  rank 0 与单个进程： 最大差别 {of_one:.1e}",
    )
)

ddp, buckets = uneven[0][1]
loss_of(model, batches[0]).backward()
right = torch.cat([p.grad.flatten() for p in model.parameters()])
off = (ddp - right).norm() / right.norm()
print(
    say(
        f"DDP's gradient of the first batch is off by {off:.0%}: a mean of means\n"
        f"it makes {len(buckets)} all-reduces, of {buckets} numbers",
        f"DDP 在第一批上的梯度相差 {off:.0%}：它是平均的平均\n它做了 {len(buckets)} 次 all-reduce，各传 {buckets} 个数",
    )
)

# %% [markdown] tags=["en"]
# With unequal shares DDP gives another gradient, and no error. That is why trainers count tokens across ranks (`average_tokens_across_devices` in Hugging Face's `TrainingArguments`, on by default in version 5). In two other things DDP is cleverer than we are. It puts gradients
# in **buckets** (25 MB each by default): one large message costs less than many small ones. And look at the order of the numbers: the *last* layer comes first. As soon as the backward pass has filled a bucket, DDP sends it off,
# **while** the gradients of the earlier layers are still being computed. A drawing, with times made up for it:

# %% [markdown] tags=["zh"]
# 份额不等时，DDP 给出的是另一个梯度，而且不报错；所以训练框架要跨 rank 统计 token 数（Hugging Face 的 `TrainingArguments` 里叫 `average_tokens_across_devices`，第 5 版默认开启）。另外两点上，DDP 比我们聪明。
# 它把梯度装进**桶**（bucket，默认每个 25 MB）：发一个大消息比发许多小消息便宜。再看这些数字的次序：**最后**一层排在最前。反向传播一填满一个桶，DDP 就把它发出去，
# 而**与此同时**，前面各层的梯度还在计算。画成示意图（时间是为画图编的）：

# %%
figure, axes = plt.subplots(figsize=(9, 2.6))
compute, send = 1.0, 0.8
for row, overlap in enumerate([False, True]):
    y0, free = 3 * row, 0.0
    for index, layer in enumerate([4, 3, 2, 1]):
        axes.barh(y0, compute, left=index * compute, color=BLUE, edgecolor="white")
        name = say(f"layer {layer}", f"第 {layer} 层")
        look = {"ha": "center", "va": "center", "color": "white", "fontsize": 8}
        axes.text((index + 0.5) * compute, y0, name, **look)
        free = max(free, (index + 1) * compute if overlap else 4 * compute)
        axes.barh(y0 + 1, send, left=free, color=ORANGE, edgecolor="white")
        axes.text(free + send / 2, y0 + 1, layer, **look)
        free += send
    name = say("overlapped", "重叠") if overlap else say("one after the other", "先后进行")
    axes.text(-0.1, y0 + 0.5, name, ha="right", va="center")
axes.set(xlim=(-2.2, 7.6), xlabel=say("time (arbitrary units)", "时间（任意单位）"), xticks=[], yticks=[])
axes.invert_yaxis()
axes.spines["left"].set_visible(False)
axes.legend(
    [Patch(color=BLUE), Patch(color=ORANGE)],
    [say("backward pass", "反向传播"), "all-reduce"],
    frameon=False,
    loc="center right",
)
plt.show()

# %%
labkit.check("parallel")

# %% [markdown] tags=["en"]
# In the upper half of the drawing nothing is hidden: the all-reduces begin when the backward pass is over. In the lower half three of the four are done by then. (Of the check, the first two cases are about this section. The others are about sections 3 to 5.)
#
# ## 3. ZeRO: who keeps the optimizer?
#
# What fills a GPU's memory? In *mixed precision* one computes in bfloat16 (16 bits: the range of float32 with 8 bits of precision) and updates weights in float32. For each parameter that makes (Rajbhandari et al. 2020, section 3.1):
#
# | | bytes per parameter | 7 B parameters |
# |---|---|---|
# | weights in bfloat16 | 2 | 14 GB |
# | gradients in bfloat16 | 2 | 14 GB |
# | AdamW: weights, mean and variance in float32 | 4 + 4 + 4 | 84 GB |
# | together | **16** | **112 GB** |
#
# A card of 80 GB cannot even begin. (Megatron-LM and Llama 3 accumulate gradients in float32, which makes 18: Llama Team 2024, section 3.3.2. We count as the ZeRO paper does.) And in data parallelism **every** rank has the same 112 GB: 64 ranks keep 64 copies of an optimizer, and all compute the same update. **ZeRO**, the Zero Redundancy Optimizer, lets each of $N$ ranks keep one $N$-th. It has three stages;
# the third is also known as FSDP (fully sharded data parallel), PyTorch's name for it.
#
# | stage of ZeRO | what is cut into $N$ parts | bytes per parameter |
# |---|---|---|
# | 0 (DDP) | nothing | $2 + 2 + 12$ |
# | 1 | optimizer states | $2 + 2 + 12/N$ |
# | 2 | and gradients | $2 + 2/N + 12/N$ |
# | 3 (FSDP) | and weights | $2/N + 2/N + 12/N$ |
#
# Who holds what, on four GPUs? Each square is a model: its rows are layers, its columns parts of each matrix. (ZeRO's slices do not end exactly where layers end; they are drawn as layers.)

# %% [markdown] tags=["zh"]
# 示意图的上半部分，什么也没藏住：反向传播结束之后，all-reduce 才开始。下半部分，到那时四个里已经完成了三个。（检查的前两项属于这一小节，其余的属于第 3 到 5 小节。）
#
# ## 3. ZeRO：优化器归谁保管？
#
# GPU 的显存被什么占满了？**混合精度**训练用 bfloat16（16 位：范围与 float32 相同，精度 8 位）计算，用 float32 更新权重。每个参数要占（Rajbhandari 等 2020，3.1 节）：
#
# | | 每个参数的字节数 | 70 亿参数 |
# |---|---|---|
# | bfloat16 权重 | 2 | 14 GB |
# | bfloat16 梯度 | 2 | 14 GB |
# | AdamW：float32 的权重、一阶矩、二阶矩 | 4 + 4 + 4 | 84 GB |
# | 合计 | **16** | **112 GB** |
#
# 一张 80 GB 的卡根本没法开始。（Megatron-LM 和 Llama 3 用 float32 累积梯度，那就是 18 字节：Llama Team 2024，3.3.2 节。这里按 ZeRO 论文的算法。）而在数据并行里，**每个** rank 都有同样的 112 GB：64 个 rank 存着 64 份优化器，算的全是同样的更新。**ZeRO**（Zero Redundancy Optimizer，零冗余优化器）让 $N$ 个 rank 各保管 $N$ 分之一，分三个阶段；
# 第三阶段在 PyTorch 里叫 FSDP（fully sharded data parallel，全切片数据并行）。
#
# | ZeRO 阶段 | 什么被切成 $N$ 份 | 每个参数的字节数 |
# |---|---|---|
# | 0（DDP） | 什么都不切 | $2 + 2 + 12$ |
# | 1 | 优化器状态 | $2 + 2 + 12/N$ |
# | 2 | 再加上梯度 | $2 + 2/N + 12/N$ |
# | 3（FSDP） | 再加上权重 | $2/N + 2/N + 12/N$ |
#
# 四张 GPU 时，谁持有什么？每个方块是一个模型：行是层，列是每个矩阵的各个部分。（ZeRO 的切片并不正好在层的边界上断开，这里画成一层一片。）

# %%
GPUS = 4
EMPTY, BORROWED, HELD = 0, 1, 2


def holdings(strategy: str) -> Tensor:
    """(3, 4, 4, 4): of weights, gradients and AdamW's states (the first 3), what each of 4 GPUs
    holds of 4 layers, each in 4 parts.
    ---
    (3, 4, 4, 4)：权重、梯度和 AdamW 状态（第一维的 3）中，4 张 GPU 各持有什么：4 层，每层分 4 个部分。
    """
    grid = torch.full((3, GPUS, 4, 4), HELD)
    own = torch.full((GPUS, 4, 4), EMPTY)
    for gpu in range(GPUS):
        if strategy == "tensor parallel":
            own[gpu, :, gpu] = HELD
        else:
            own[gpu, gpu] = HELD
    if strategy in ("tensor parallel", "pipeline parallel"):
        grid[:] = own
    stage = int(strategy[-1]) if strategy.startswith("ZeRO") else 0
    for kind in range(3)[3 - stage :]:
        grid[kind] = own
    if stage == 3:
        grid[0][own == EMPTY] = BORROWED
    return grid


figure, panels = plt.subplots(2, 3, figsize=(11, 5.6))
colours = ListedColormap(["#f4f4f4", "#b7d3ea", BLUE])
STRATEGIES = {
    "DDP": "DDP",
    "ZeRO 1": "ZeRO 1",
    "ZeRO 2": "ZeRO 2",
    "ZeRO 3": "ZeRO 3",
    "tensor parallel": say("tensor parallel", "张量并行"),
    "pipeline parallel": say("pipeline parallel", "流水线并行"),
}
for panel, (strategy, name) in zip(panels.flat, STRATEGIES.items(), strict=True):
    grid = F.pad(holdings(strategy).float(), (0, 1, 0, 1), value=math.nan)
    grid = grid.permute(0, 2, 1, 3).flatten(2).flatten(0, 1)[:-1, :-1]
    panel.imshow(grid, cmap=colours, vmin=0, vmax=2)
    gpus = range(GPUS)
    panel.set_xticks([5 * gpu + 1.5 for gpu in gpus], [f"GPU {gpu}" for gpu in gpus], fontsize=8)
    kinds = [say("weights", "权重"), say("gradients", "梯度"), "AdamW"]
    panel.set_yticks([1.5, 6.5, 11.5], kinds, fontsize=8)
    panel.tick_params(length=0)
    panel.set_frame_on(False)
    panel.set_title(name)
figure.legend(
    [Patch(color=BLUE), Patch(color="#b7d3ea"), Patch(color="#f4f4f4")],
    [say("holds", "持有"), say("borrows for a moment", "临时借用"), say("has nothing of it", "没有")],
    loc="lower center",
    ncols=3,
    frameon=False,
)
figure.tight_layout(rect=(0, 0.05, 1, 1))
plt.show()

# %% [markdown] tags=["en"]
# With DDP and ZeRO every GPU **computes the whole model** on its own data; ZeRO only keeps less of it (dark blue), and in stage 3 borrows the weights of a layer while it computes it (light blue). With tensor and pipeline parallelism (sections 4 and 5) a GPU computes only its own part, and
# activations are sent instead of weights.
#
# ### Problem 10, second part: `ShardedAdamW` (ZeRO, stage 1)
#
# Put all parameters in one row, with zeros at the end if its length is no multiple of the number of ranks, and cut it into `size` equal shards. Each rank has an ordinary `torch.optim.AdamW` **over its own shard only**. A step is
#
# ```
#             gradients of rank 0  ████████████            ██████ ── AdamW, rank 0 ──→ ██████
#                                              } reduce_scatter ÷ size                       } all_gather ──→ ████████████ on both
#             gradients of rank 1  ████████████            ██████ ── AdamW, rank 1 ──→ ██████
# ```
#
# What does that cost? DDP's all-reduce *is* a reduce-scatter followed by an all-gather (section 5 shows it). Here the first half carries gradients and the second half new weights. So ZeRO 1 sends **not a byte more** than DDP, if weights and gradients have the same precision.

# %% [markdown] tags=["zh"]
# 在 DDP 和 ZeRO 里，每张 GPU 都在自己的数据上**计算整个模型**；ZeRO 只是保管得少一些（深蓝），第 3 阶段要算哪一层，就临时借来那一层的权重（浅蓝）。张量并行和流水线并行（第 4、5 小节）则不同：一张 GPU 只算自己的那一部分，传的是激活值而不是权重。
#
# ### 第 10 题，第二部分：`ShardedAdamW`（ZeRO 第 1 阶段）
#
# 把所有参数排成一行（如果 rank 数除不尽，末尾补零），切成 `size` 个等长的片。每个 rank 有一个普通的 `torch.optim.AdamW`，**只管自己的那一片**。走一步就是
#
# ```
#             rank 0 的梯度  ████████████            ██████ ── rank 0 的 AdamW ──→ ██████
#                                        } reduce_scatter ÷ size                         } all_gather ──→ 两边都得到 ████████████
#             rank 1 的梯度  ████████████            ██████ ── rank 1 的 AdamW ──→ ██████
# ```
#
# 代价是什么？DDP 的 all-reduce **本来就是** reduce-scatter 再接 all-gather（第 5 小节会看到）。这里只不过前半程传的是梯度，后半程传的是新权重。所以只要权重与梯度的精度相同，ZeRO 1 比 DDP **一个字节也没多传**。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "zero-solution", "cell_type": "code"}
class ShardedAdamW:
    """AdamW of which each rank keeps and computes only its share (ZeRO, stage 1).

    All ranks begin with the same parameters and have the same number of examples in each step.

    Attributes:
        shard: nn.Parameter (ceil(n / size),): this rank's part of the row of all n numbers. The row
            is the parameters, flattened, in their order, filled up with zeros at its end; rank r
            has its r-th part.
        optimizer: torch.optim.AdamW over [shard], and over nothing else.

    Source: Rajbhandari et al. 2020, ZeRO, section 5.1.
    ---
    每个 rank 只保管、只计算自己那一份的 AdamW（ZeRO 第 1 阶段）。

    所有 rank 一开始的参数相同，每一步的样本数也相同。

    属性：
        shard: nn.Parameter (ceil(n / size),)：全部 n 个数排成的那一行里属于本 rank 的一片。那一行是所有参数
            按顺序展平、末尾补零而成；r 号 rank 拿第 r 片。
        optimizer: torch.optim.AdamW，只管 [shard]。

    出处：Rajbhandari 等 2020，ZeRO，5.1 节。
    """

    def __init__(self, parameters: Iterable[nn.Parameter], group: Group, **hyper: float) -> None:
        """Args:
            parameters: those to be trained, as model.parameters() gives them (readable only once).
                Leave frozen ones out: here they would decay like all others.
            hyper: lr, betas, eps, weight_decay; all are passed on to torch.optim.AdamW.
        ---
        参数：
            parameters: 要训练的参数，如 model.parameters() 所给（只能读一遍）。冻结的参数不要传进来：
                在这里它们会和别的参数一样被权重衰减。
            hyper: lr、betas、eps、weight_decay，全部交给 torch.optim.AdamW。
        """
        ### BEGIN SOLUTION
        self.parameters, self.group = list(parameters), group
        row = self._row([parameter.detach() for parameter in self.parameters])
        self.shard = nn.Parameter(row.chunk(group.size)[group.rank].clone())
        self.optimizer = torch.optim.AdamW([self.shard], **hyper)
        ### END SOLUTION

    def step(self) -> None:
        """One step with the mean of the ranks' gradients. Afterwards all parameters have their new
        values, the same on all ranks.

        Each parameter has the gradient of the mean loss over this rank's own examples. None counts
        as zero: torch.optim.AdamW would leave such a parameter alone, but here the row is one
        tensor, so averages and weight decay move it.
        ---
        用各 rank 梯度的平均走一步。之后所有参数都是新值，在所有 rank 上相同。

        每个参数带着本 rank 自己样本的平均损失的梯度。None 按零计算：torch.optim.AdamW 会跳过这样的参数，
        但这里整行是一个张量，所以滑动平均和权重衰减仍会改变它。
        """
        ### BEGIN SOLUTION
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        self.shard.grad = self.group.reduce_scatter(self._row(gradients)) / self.group.size
        self.optimizer.step()
        row = self.group.all_gather(self.shard)
        for parameter in self.parameters:
            parameter.data, row = row[: parameter.numel()].view_as(parameter), row[parameter.numel() :]

    def _row(self, tensors: list[Tensor]) -> Tensor:
        """All numbers in one row, with zeros at the end so that the ranks divide its length."""
        row = torch.cat([tensor.flatten() for tensor in tensors])
        return F.pad(row, (0, -len(row) % self.group.size))
        ### END SOLUTION


# %% tags=["export"]
def sharded_steps(
    group: Group,
    model: nn.Module,
    gradients: list[list[list[Tensor | None]]],
    hyper: dict[str, float],
) -> tuple[list[Tensor], dict[str, Tensor]]:
    """Steps of ShardedAdamW on a copy of the model: in step s, rank r has gradients[s][r].

    Returns:
        all parameters in one row, after each step; and the state that the rank keeps.
    ---
    在模型的一份拷贝上用 ShardedAdamW 走若干步：第 s 步里，r 号 rank 的梯度是 gradients[s][r]。

    返回：
        每一步之后排成一行的全部参数，以及这个 rank 保存的状态。
    """
    model = copy.deepcopy(model).to(group.device)
    optimizer = ShardedAdamW(model.parameters(), group, **hyper)
    rows = []
    for step in gradients:
        for parameter, gradient in zip(model.parameters(), step[group.rank], strict=True):
            parameter.grad = None if gradient is None else gradient.clone().to(group.device)
        optimizer.step()
        rows.append(
            torch.cat(
                [parameter.detach().flatten() for parameter in model.parameters()],
            ).cpu(),
        )
    state = optimizer.optimizer.state_dict()["state"][0]
    return rows, {name: value.cpu() for name, value in state.items()}


# %% [markdown] tags=["en"]
# **Measured.** The model of section 1 takes three steps in two real processes: the weights are those of one plain AdamW, and each rank keeps half of the state. Beside it stands PyTorch's own
# `ZeroRedundancyOptimizer`. It assigns whole parameters to ranks instead of cutting the row, so its ranks keep about equal amounts, not exactly equal ones.

# %% [markdown] tags=["zh"]
# **实测。** 还是第 1 小节的模型，在两个真实的进程里走三步：权重与一个普通的 AdamW 相同，而每个 rank 只存一半状态。作为对照的是 PyTorch 自带的
# `ZeroRedundancyOptimizer`：它以整个参数为单位分给各 rank，而不是把那一行切开，所以各 rank 只是大致均匀。


# %%
def state_bytes(state: dict[str, Tensor]) -> int:
    """Bytes that the optimizer keeps for one parameter.
    ---
    优化器为一个参数保存多少字节。
    """
    return sum(value.numel() * value.element_size() for value in state.values())


def library_steps(
    group: Group, model: nn.Module, gradients: list[list[list[Tensor]]], hyper: dict[str, float]
) -> tuple[list[Tensor], int]:
    """As sharded_steps, with PyTorch's ZeroRedundancyOptimizer and gradients averaged before.
    ---
    同 sharded_steps，但用 PyTorch 的 ZeroRedundancyOptimizer，并事先平均好梯度。
    """
    from torch.distributed.optim import ZeroRedundancyOptimizer

    model = model.to(group.device)
    optimizer = ZeroRedundancyOptimizer(model.parameters(), torch.optim.AdamW, **hyper)
    rows = []
    for step in gradients:
        for parameter, gradient in zip(model.parameters(), step[group.rank], strict=True):
            parameter.grad = group.all_reduce(gradient.to(group.device)) / group.size
        optimizer.step()
        rows.append(flat(model))
    return rows, sum(state_bytes(state) for state in optimizer.optim.state.values())


def yours_and_library_steps(group: Group, *args: object) -> tuple:
    return sharded_steps(group, *args), library_steps(group, *args)


model, hyper = new_model(), {"lr": 1e-2, "weight_decay": 0.1}
weights = list(model.parameters())
gradients = [[[torch.randn_like(p) for p in weights] for _ in range(2)] for _ in range(3)]
results = ranks.processes(2, yours_and_library_steps, model, gradients, hyper, device=DEVICE)
mine, library = zip(*results, strict=True)

plain = new_model()
optimizer = torch.optim.AdamW(plain.parameters(), **hyper)
for step in gradients:
    for parameter, of_0, of_1 in zip(plain.parameters(), *step, strict=True):
        parameter.grad = (of_0 + of_1) / 2
    optimizer.step()
whole = sum(state_bytes(state) for state in optimizer.state.values())
n = flat(plain).numel()
print(say(f"{n:,} parameters; one AdamW keeps {whole:,} bytes", f"{n:,} 个参数；一个 AdamW 保存 {whole:,} 字节"))
for name, rows, kept in [
    (say("yours", "你的"), mine[0][0], [state_bytes(state) for _, state in mine]),
    ("PyTorch", library[0][0], [total for _, total in library]),
]:
    difference = (rows[-1] - flat(plain)).abs().max()
    print(
        say(
            f"{name:8} {kept} bytes on rank 0 and 1, weights within {difference:.0e} of plain AdamW",
            f"{name}：rank 0 和 rank 1 上各 {kept} 字节，权重与普通 AdamW 相差不超过 {difference:.0e}",
        )
    )

counts = [1, 2, 3, 4, 6, 8]
kept = []
for n in counts:
    results = ranks.threads(n, sharded_steps, model, [gradients[0] * 4], hyper)
    kept.append([state_bytes(state) for _, state in results])
figure, axes = plt.subplots(figsize=(7, 2.8))
names = [str(n) for n in counts]
largest = [max(each) / 1e3 for each in kept]
axes.bar(names, largest, color=BLUE, label=say("measured, largest rank", "实测，最大的 rank"))
shares = [whole / n / 1e3 for n in counts]
axes.plot(names, shares, "o", color=ORANGE, label=say("the whole / number of ranks", "总量 / rank 数"))
axes.set(
    xlabel=say("ranks", "rank 数"),
    ylabel="kB",
    title=say("AdamW's state on each rank", "每个 rank 上 AdamW 的状态"),
)
axes.legend(frameon=False)
plt.show()

# %% [markdown] tags=["en"]
# The bars follow the dots: each rank keeps one share, and nothing more.
#
# ## 4. Tensor parallelism
#
# How can two GPUs compute *one* layer? ZeRO splits only what is kept. But on one GPU a large model is also too slow, and its activations are too large: the **computing** has to be split within a layer. Take the feed-forward network, $Z = \mathrm{GELU}(X A + a)\,B + b$, and two GPUs
# (Shoeybi et al. 2019, section 3). There are two ways to cut a matrix:
#
# $$ A = \begin{pmatrix} A_0 & A_1\end{pmatrix}\ \text{by columns:}\quad X A = \begin{pmatrix} X A_0 & X A_1 \end{pmatrix}
# \qquad\qquad
# B = \begin{pmatrix} B_0 \\ B_1\end{pmatrix}\ \text{by rows:}\quad Y B = Y_0 B_0 + Y_1 B_1 .$$
#
# By columns, each GPU gets **whole entries** of the hidden layer, and can apply GELU to them. By rows it would get *summands*, and $\mathrm{GELU}(u + v) \ne \mathrm{GELU}(u) + \mathrm{GELU}(v)$: the GPUs would have to stop and sum first. So: the first matrix by
# columns, the second by rows. The pieces fit together, and a single all-reduce at the end is needed:
#
# ```
#                      ┌── GPU 0:  GELU(X A₀ + a₀) ── · B₀ ──┐
#   X  ──── f ─────────┤                                     ├──── g ──── + b ──── Z
#                      └── GPU 1:  GELU(X A₁ + a₁) ── · B₁ ──┘
#           forward:  X goes to both, nothing to do          forward:  all_reduce, the sum of both
#           backward: all_reduce of the gradients for X      backward: the gradient goes to both, nothing to do
# ```
#
# $f$ and $g$ mirror each other. Why must $f$ sum in the backward pass? $X$ is used on both GPUs, and a variable that is used twice gets the sum of two gradients. If you forget the sum, the forward pass still looks right.
#
# **The pitfalls of this section.** $b$ is added **once**, after the sum: if every GPU adds it to its part, it arrives `size` times. And `nn.Linear` stores its weight transposed, (out, in): a *column* of $A$ is a *row* of `up.weight`.
# Attention is cut in the same way: each GPU takes some of the heads ($W_Q, W_K, W_V$ by columns, $W_O$ by rows).
#
# ### Problem 10, third part: `copy_to_ranks` (f), `sum_over_ranks` (g), `ParallelMLP`
#
# f and g need a backward pass of their own: `torch.autograd.Function` has one (`forward(ctx, x, ...)`, `backward(ctx, gradient)`; it returns a gradient for each argument, None for those that have none).

# %% [markdown] tags=["zh"]
# 柱子与圆点吻合：每个 rank 只存自己的一份，一点也不多。
#
# ## 4. 张量并行
#
# 两张 GPU 怎样合算**一层**？ZeRO 拆的只是保管的东西。但大模型放在一张 GPU 上，算得也太慢，激活值也太大：**计算**本身必须在一层之内拆开。看前馈网络 $Z = \mathrm{GELU}(X A + a)\,B + b$，用两张 GPU
# （Shoeybi 等 2019，第 3 节）。切矩阵有两种切法：
#
# $$ \text{按列切：}\ A = \begin{pmatrix} A_0 & A_1\end{pmatrix},\quad X A = \begin{pmatrix} X A_0 & X A_1 \end{pmatrix}
# \qquad\qquad
# \text{按行切：}\ B = \begin{pmatrix} B_0 \\ B_1\end{pmatrix},\quad Y B = Y_0 B_0 + Y_1 B_1 .$$
#
# 按列切，每张 GPU 得到隐藏层中**完整的分量**，可以直接过 GELU。按行切，得到的只是**加数**，而 $\mathrm{GELU}(u + v) \ne \mathrm{GELU}(u) + \mathrm{GELU}(v)$，必须先停下来求和。
# 所以第一个矩阵按列切，第二个按行切。两段正好接上，只在最后做一次 all-reduce：
#
# ```
#                      ┌── GPU 0：GELU(X A₀ + a₀) ── · B₀ ──┐
#   X  ──── f ─────────┤                                    ├──── g ──── + b ──── Z
#                      └── GPU 1：GELU(X A₁ + a₁) ── · B₁ ──┘
#           前向：X 送到两边，无事可做                       前向：all_reduce，两边求和
#           反向：对 X 的梯度做 all_reduce                   反向：梯度送到两边，无事可做
# ```
#
# $f$ 和 $g$ 互为镜像。为什么 $f$ 在反向时要求和？$X$ 在两张 GPU 上都被用到，一个变量用了两次，梯度就是两份之和。忘了这一步，前向里看不出任何异样。
#
# **本节的坑。** $b$ 只加**一次**，在求和之后：如果每张 GPU 都往自己那份里加，它就被加了 `size` 次。另外 `nn.Linear` 存的权重是转置的 (out, in)：$A$ 的一**列**是 `up.weight` 的一**行**。
# 注意力也这样切：每张 GPU 分几个头（$W_Q, W_K, W_V$ 按列，$W_O$ 按行）。
#
# ### 第 10 题，第三部分：`copy_to_ranks`（f）、`sum_over_ranks`（g）、`ParallelMLP`
#
# f 和 g 的反向要自己定义：`torch.autograd.Function` 就是干这个的（`forward(ctx, x, ...)`、`backward(ctx, gradient)`；后者为每个参数返回一个梯度，没有梯度的返回 None）。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "tensor-solution", "cell_type": "code"}
def copy_to_ranks(x: Tensor, group: Group) -> Tensor:
    """Megatron's f: x itself; on the way back, the gradients of all ranks are summed.

    Source: Shoeybi et al. 2019, Megatron-LM, section 3.
    ---
    Megatron 的 f：前向返回 x 本身；反向把所有 rank 的梯度相加。

    出处：Shoeybi 等 2019，Megatron-LM，第 3 节。
    """
    ### BEGIN SOLUTION
    return _CopyToRanks.apply(x, group)
    ### END SOLUTION


def sum_over_ranks(x: Tensor, group: Group) -> Tensor:
    """Megatron's g: the sum of all ranks' x; on the way back, the gradient goes through
    unchanged.
    ---
    Megatron 的 g：前向返回所有 rank 的 x 之和；反向原样放过梯度。
    """
    ### BEGIN SOLUTION
    return _SumOverRanks.apply(x, group)


class _CopyToRanks(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, group):
        ctx.group = group
        return x

    @staticmethod
    def backward(ctx, gradient):
        return ctx.group.all_reduce(gradient), None


class _SumOverRanks(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, group):
        return group.all_reduce(x)

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None

    ### END SOLUTION


class ParallelMLP(nn.Module):
    """down(gelu(up(x))); of its d_ff hidden entries rank r computes the r-th d_ff / size.

    gelu is the exact one, the default of torch.nn.functional.gelu.

    Attributes:
        up: nn.Linear(d_model, d_ff / size), this rank's part of the whole `up`.
        down_weight: Parameter (d_model, d_ff / size), its part of `down`.
        down_bias: Parameter (d_model,), whole on every rank.
        All parts keep dtype (float64, too) and device of the layers that they come from.

    Source: Shoeybi et al. 2019, section 3, figure 3a.
    ---
    down(gelu(up(x)))；d_ff 个隐藏分量中，r 号 rank 计算第 r 段的 d_ff / size 个。

    gelu 是精确的那一种，即 torch.nn.functional.gelu 的默认值。

    属性：
        up: nn.Linear(d_model, d_ff / size)，完整的 `up` 中属于本 rank 的部分。
        down_weight: Parameter (d_model, d_ff / size)，`down` 中属于本 rank 的部分。
        down_bias: Parameter (d_model,)，每个 rank 上都是完整的。
        各部分的 dtype（float64 也一样）和 device 与原来的层相同。

    出处：Shoeybi 等 2019，第 3 节，图 3a。
    """

    def __init__(self, up: nn.Linear, down: nn.Linear, group: Group) -> None:
        """Copies its part of two whole layers with biases; later changes of these layers do not
        matter.

        Raises:
            ValueError: d_ff is no multiple of the number of ranks.
        ---
        从两个带偏置的完整的层里拷贝属于自己的部分；之后那两个层再变，也与它无关。

        抛出：
            ValueError: d_ff 不是 rank 数的整数倍。
        """
        super().__init__()
        ### BEGIN SOLUTION
        if up.out_features % group.size:
            raise ValueError(f"{group.size} ranks do not divide {up.out_features} hidden entries")
        self.group = group
        width = up.out_features // group.size
        mine = slice(group.rank * width, (group.rank + 1) * width)
        self.up = nn.Linear(up.in_features, width, device=up.weight.device, dtype=up.weight.dtype)
        self.up.weight.data.copy_(up.weight[mine])
        self.up.bias.data.copy_(up.bias[mine])
        self.down_weight = nn.Parameter(down.weight.data[:, mine].clone())
        self.down_bias = nn.Parameter(down.bias.data.clone())
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """(..., d_model) -> (..., d_model): the same x, and the same result, on every rank.
        ---
        (..., d_model) -> (..., d_model)：每个 rank 上的 x 相同，结果也相同。
        """
        ### BEGIN SOLUTION
        hidden = F.gelu(self.up(copy_to_ranks(x, self.group)))
        return sum_over_ranks(F.linear(hidden, self.down_weight), self.group) + self.down_bias
        ### END SOLUTION


# %% tags=["export"]
def mlp_forward(group: Group, up: nn.Linear, down: nn.Linear, x: Tensor) -> Tensor:
    """The output of ParallelMLP.
    ---
    ParallelMLP 的输出。
    """
    layer = ParallelMLP(
        copy.deepcopy(up).to(group.device),
        copy.deepcopy(down).to(group.device),
        group,
    )
    return layer(x.to(group.device)).detach().cpu()


def mlp_gradients(
    group: Group,
    up: nn.Linear,
    down: nn.Linear,
    x: Tensor,
    cotangent: Tensor,
) -> dict[str, Tensor]:
    """The gradients of x and of each parameter of ParallelMLP; cotangent: that of the output.
    ---
    x 和 ParallelMLP 各参数的梯度；cotangent 是输出的梯度。
    """
    layer = ParallelMLP(
        copy.deepcopy(up).to(group.device),
        copy.deepcopy(down).to(group.device),
        group,
    )
    x = x.detach().clone().to(group.device).requires_grad_()
    layer(x).backward(cotangent.to(group.device))
    gradients = {name: parameter.grad for name, parameter in layer.named_parameters()}
    return {name: gradient.cpu() for name, gradient in {"x": x.grad, **gradients}.items()}


# %% [markdown] tags=["en"]
# **The library's version** is `torch.distributed.tensor.parallel`: you tell it which layer is cut how, and it inserts f and g itself. Two processes again, with the same dense layer for both:

# %% [markdown] tags=["zh"]
# **库里的版本**是 `torch.distributed.tensor.parallel`：告诉它哪一层怎么切，f 和 g 由它自己放进去。还是两个进程，两种写法用同样的未切分的层：


# %%
def library_mlp(
    group: Group,
    up: nn.Linear,
    down: nn.Linear,
    x: Tensor,
    cotangent: Tensor,
) -> dict[str, Tensor]:
    import torch.distributed.tensor.parallel as parallel
    from torch.distributed.device_mesh import init_device_mesh

    layer = nn.Sequential(up, nn.GELU(), down).to(group.device)
    mesh = init_device_mesh(group.device.type, (group.size,))
    plan = {"0": parallel.ColwiseParallel(), "2": parallel.RowwiseParallel()}
    parallel.parallelize_module(layer, mesh, plan)
    x = x.detach().clone().to(group.device).requires_grad_()
    output = layer(x)
    output.backward(cotangent.to(group.device))
    of_up = layer[0].weight.grad.to_local()
    return {"output": output.detach().cpu(), "x": x.grad.cpu(), "up.weight": of_up.cpu()}


def yours_and_library_mlp(group: Group, *args: Tensor | nn.Linear) -> tuple:
    yours = {"output": mlp_forward(group, *args[:3]), **mlp_gradients(group, *args)}
    return yours, library_mlp(group, *args)


up, down = nn.Linear(96, 384), nn.Linear(384, 96)
x, cotangent = torch.randn(8, 32, 96), torch.randn(8, 32, 96)
dense_x = x.clone().requires_grad_()
dense = down(F.gelu(up(dense_x)))
dense.backward(cotangent)
expected = {"output": dense.detach(), "x": dense_x.grad, "up.weight": up.weight.grad[:192]}
args = (up, down, x, cotangent)
(mine, library), _ = ranks.processes(2, yours_and_library_mlp, *args, device=DEVICE)
held, of_up = tuple(mine["up.weight"].shape), tuple(up.weight.shape)
print(say(f"rank 0 holds {held} of up's {of_up}", f"rank 0 持有 up 的 {of_up} 中的 {held}"))
print(say("largest difference from the dense layer, rank 0:", "与未切分的层的最大差别，rank 0："))
for name, value in expected.items():
    ours, theirs = ((result[name] - value).abs().max() for result in (mine, library))
    print(f"  {name:10}", say(f"yours {ours:.1e}", f"你的 {ours:.1e}"), f"  PyTorch {theirs:.1e}")

# %% [markdown] tags=["en"]
# ## 5. What it costs
#
# How does an all-reduce of $n$ numbers work, and what does each GPU have to send? In the naive way everybody sends to rank 0 and gets the sum back, so that one link carries it all. The **ring** distributes the load: cut the row into $N$ parts; in
# $N - 1$ steps each GPU passes a part on to its right neighbour, which adds its own (that is the reduce-scatter); in $N - 1$ more steps the finished parts go round (that is the all-gather). Here are four real processes that only send and receive:

# %% [markdown] tags=["zh"]
# ## 5. 代价
#
# 对 $n$ 个数做一次 all-reduce 是怎么进行的，每张 GPU 要发送多少？最朴素的做法是大家都发给 0 号、再由它发回来，全部压在一条链路上。**环**（ring）则把负担摊匀：有 $N$ 张 GPU，就把这 $n$ 个数切成 $N$ 段；
# 前 $N - 1$ 步里，每张 GPU 把一段传给右边的邻居，邻居加上自己的（这就是 reduce-scatter）；再用 $N - 1$ 步，把算好的各段转一圈（这就是 all-gather）。下面用四个真实的进程，只用发送和接收：


# %%
def ring_all_reduce(group: Group, x: Tensor) -> tuple[Tensor, int]:
    """The sum of all ranks' (rank + 1) * x, and the bytes that this rank has sent for it.
    ---
    所有 rank 的 (rank + 1) * x 之和，以及这个 rank 为此发送的字节数。
    """
    from torch.distributed import P2POp, batch_isend_irecv, irecv, isend

    n, rank = group.size, group.rank
    parts = list(((rank + 1) * x).to(group.device).chunk(n))
    sent = 0
    for step in range(2 * (n - 1)):
        give, take = parts[(rank - step) % n], torch.empty_like(parts[0])
        right, left = (rank + 1) % n, (rank - 1) % n
        for work in batch_isend_irecv([P2POp(isend, give, right), P2POp(irecv, take, left)]):
            work.wait()
        sent += give.numel() * give.element_size()
        place = (rank - step - 1) % n
        adding = step < n - 1
        parts[place] = parts[place] + take if adding else take
    return torch.cat(parts).cpu(), sent


x = torch.randn(240_000)
N = 4 if profile == "cpu" else RANKS
for rank, (total, sent) in enumerate(ranks.processes(N, ring_all_reduce, x, device=DEVICE)):
    exact = torch.allclose(total, x * N * (N + 1) / 2, rtol=1e-5)
    times = sent / (4 * len(x))
    print(
        say(
            f"rank {rank}: sum right: {exact}, sent {sent:,} bytes = {times:.2f} × the size of x",
            f"rank {rank}：总和正确：{exact}，发送了 {sent:,} 字节 = x 的大小的 {times:.2f} 倍",
        )
    )

# %% [markdown] tags=["en"]
# Each rank sends $2\,\frac{N-1}{N}$ times the size of the row, **however many ranks there are**: never more than twice. Each half, reduce-scatter or all-gather, costs $\frac{N-1}{N}$. Now everything can be counted. With $\Psi$ parameters, gradients
# and weights of 2 bytes each, one step sends per GPU:
#
# | stage of ZeRO | what is sent | × $2\Psi\,\frac{N-1}{N}$ bytes |
# |---|---|---|
# | 0 to 2 | gradients reduce-scattered; then gradients or weights all-gathered | 2 |
# | 3 | weights all-gathered for the forward **and again** for the backward pass; gradients reduce-scattered | 3 |
#
# **Tensor parallelism** sends activations, (batch, seq, d_model) of 2 bytes: for each layer an all-reduce after attention and one after the MLP, and both again in the backward pass: **four**, each $2\,\frac{N-1}{N}$ times the activation.
#
# **Pipeline parallelism** gives each of $p$ GPUs some of the layers (its *pipeline stage*, not to be confused with ZeRO's stages), cuts the batch into $m$ *micro-batches*, and sends these through, one after another. The last stage has nothing to do until the first micro-batch reaches it; at the end the first stage waits. One of the
# simplest schedules (GPipe, Huang et al. 2019, section 2) takes $m + p - 1$ slots for $m$ slots of work. Here is its forward pass; the number is that of the micro-batch:

# %% [markdown] tags=["zh"]
# 每个 rank 发送的是这一行大小的 $2\,\frac{N-1}{N}$ 倍，**不管有多少个 rank**，都不超过两倍。其中 reduce-scatter 和 all-gather 各占一半，即 $\frac{N-1}{N}$。现在一切都可以算了。设有 $\Psi$ 个参数，
# 梯度和权重各 2 字节，每一步每张 GPU 发送：
#
# | ZeRO 阶段 | 传什么 | × $2\Psi\,\frac{N-1}{N}$ 字节 |
# |---|---|---|
# | 0 到 2 | 梯度做 reduce-scatter；再对梯度或权重做 all-gather | 2 |
# | 3 | 权重在前向 all-gather 一次，反向**再来一次**；梯度做 reduce-scatter | 3 |
#
# **张量并行**传的是激活值，(batch, seq, d_model)，每个 2 字节：每一层在注意力之后一次 all-reduce，在 MLP 之后一次，反向时再各来一次，共**四**次，每次是激活值大小的 $2\,\frac{N-1}{N}$ 倍。
#
# **流水线并行**让 $p$ 张 GPU 各管几层（称为流水线的一**级**，与 ZeRO 的阶段无关），把一批切成 $m$ 个**微批**（micro-batch），依次送进去。第一个微批走到最后一级之前，那里无事可做；到了收尾，第一级又在干等。
# 一种很简单的调度（GPipe，Huang 等 2019，第 2 节）用 $m + p - 1$ 个时隙完成 $m$ 个时隙的活。下面是它的前向，数字是微批的编号：

# %%
figure, panels = plt.subplots(1, 2, figsize=(11, 2.4), width_ratios=[7, 15])
for panel, micro in zip(panels, (4, 12), strict=True):
    slots = torch.zeros(4, micro + 3)
    for stage in range(4):
        slots[stage, stage : stage + micro] = 1
        for index in range(micro):
            look = {"ha": "center", "va": "center", "fontsize": 7, "color": "white"}
            panel.text(stage + index, stage, index, **look)
    panel.imshow(slots, cmap=ListedColormap(["#f4f4f4", BLUE]), aspect="auto")
    panel.set_xticks([x - 0.5 for x in range(micro + 3)], minor=True)
    panel.set_yticks([y - 0.5 for y in range(4)], minor=True)
    panel.grid(which="minor", color="white")
    panel.tick_params(which="both", length=0)
    panel.set(
        xticks=[],
        yticks=range(4),
        xlabel=say("time (slots)", "时间（时隙）"),
        ylabel=say("pipeline stage", "流水线的级"),
    )
    idle = 1 - slots.mean()
    panel.set_title(say(f"{micro} micro-batches: {idle:.0%} idle", f"{micro} 个微批：{idle:.0%} 空闲"))
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# (The backward pass looks the same from right to left.) Pale grey slots are idle. Their share of the whole time is $\frac{p-1}{m+p-1}$: more micro-batches, less idling. (Narayanan et al. 2021, section 2.2, divide the same idle time by the time of the work instead, $\frac{p-1}{m}$: how much longer a step takes than without the pipeline's "bubble". `pipeline_idle` asks for the share of the whole.)
#
# **Time.** A token costs $6\Psi$ floating-point operations, 2 in the forward and 4 in the backward pass (the scores of attention, which grow with the length of the sequence, are left out); with *activation recomputation*, where activations are not kept but computed again, the forward pass runs twice: $8\Psi$
# (Narayanan et al. 2021, section 5.1).
#
# ### Problem 10, last part: the calculator, `model_state_bytes`, `gpus_needed`, `data_parallel_bytes`, `tensor_parallel_bytes`, `pipeline_idle`, `training_days`
#
# Everything is in **bytes**, not GB. Note that an "80 GB" card has 80 GiB of $2^{30}$ bytes each, while papers write GB for $10^9$.

# %% [markdown] tags=["zh"]
# （反向传播从右到左看，样子相同。）浅灰色的时隙是空闲的。它们占全部时间的 $\frac{p-1}{m+p-1}$：微批越多，空闲越少。（Narayanan 等 2021，2.2 节用同样的空闲时间除以干活的时间，得 $\frac{p-1}{m}$：有了流水线的“气泡”，一步要多花多少时间。`pipeline_idle` 要的是占全部时间的比例。）
#
# **时间。** 每个 token 需要 $6\Psi$ 次浮点运算，前向 2 份、反向 4 份（注意力分数的计算量随序列变长而增加，这里没有算）；如果使用**激活重计算**（不保存激活值，用到时再算一遍），前向要跑两次，即 $8\Psi$（Narayanan 等 2021，5.1 节）。
#
# ### 第 10 题，最后一部分：计算器，`model_state_bytes`、`gpus_needed`、`data_parallel_bytes`、`tensor_parallel_bytes`、`pipeline_idle`、`training_days`
#
# 一律以**字节**为单位，不用 GB；还要注意，“80 GB”的卡是 80 GiB，按 $2^{30}$ 字节算，而论文里的 GB 是 $10^9$ 字节。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "calculator-solution", "cell_type": "code"}
def model_state_bytes(
    n_params: float,
    stage: int = 0,
    n_data: float = 1,
    n_model: int = 1,
) -> float:
    """Bytes of weights, gradients and AdamW's states on each GPU, in mixed precision.

    2 + 2 + 12 bytes for each parameter.

    Args:
        stage: of ZeRO: 0 (DDP), 1, 2 or 3.
        n_data: GPUs over which ZeRO cuts. math.inf gives what remains however many there are.
        n_model: GPUs over which the model itself is cut, tensor times pipeline parallel: each has
            1 / n_model of it.

    Raises:
        ValueError: for another stage.

    Source: Rajbhandari et al. 2020, ZeRO, section 3.1 and figure 1.
    ---
    混合精度训练时，每张 GPU 上权重、梯度和 AdamW 状态的字节数。

    每个参数 2 + 2 + 12 字节。

    参数：
        stage: ZeRO 的阶段：0（DDP）、1、2 或 3。
        n_data: ZeRO 切片用的 GPU 数。math.inf 给出无论多少张也省不掉的部分。
        n_model: 切分模型本身的 GPU 数，即张量并行乘以流水线并行：每张持有模型的 1 / n_model。

    抛出：
        ValueError: stage 是别的值。

    出处：Rajbhandari 等 2020，ZeRO，3.1 节和图 1。
    """
    ### BEGIN SOLUTION
    if stage not in (0, 1, 2, 3):
        raise ValueError(f"ZeRO has stages 0 to 3, not {stage}")
    kinds = {3: 2, 2: 2, 1: 12}  # bytes of what is cut from this stage on: weights, gradients, states
    return n_params / n_model * sum(size / (n_data if stage >= first else 1) for first, size in kinds.items())
    ### END SOLUTION


def gpus_needed(n_params: float, gpu_gib: float, stage: int) -> int | None:
    """The smallest number of GPUs on which the model states fit with ZeRO; None if no number
    suffices.

    Each GPU has gpu_gib GiB (of 2**30 bytes); states that fill it to the byte fit. With n GPUs ZeRO
    cuts over n; activations are not counted, and the model itself is not cut.
    ---
    用 ZeRO 时，放得下模型状态的最少 GPU 数；多少张都不够时返回 None。

    每张 GPU 有 gpu_gib GiB（每 GiB 2**30 字节）；恰好装满也算放得下。有 n 张 GPU，ZeRO 就切成 n 份；
    激活值不算，模型本身不切。
    """
    ### BEGIN SOLUTION
    room = gpu_gib * 2**30
    alone, whole = (model_state_bytes(n_params, stage, n) for n in (1, math.inf))  # whole: what every GPU has anyway
    if alone <= room:
        return 1
    if whole >= room:
        return None
    return math.ceil((alone - whole) / (room - whole))
    ### END SOLUTION


def data_parallel_bytes(n_params: float, n_data: int, stage: int = 0) -> float:
    """Bytes that each GPU sends for one step of DDP (stage 0) or ZeRO, in rings over n_data GPUs.

    Weights and gradients have 2 bytes for each parameter.

    Source: Rajbhandari et al. 2020, section 7.
    ---
    DDP（stage 为 0）或 ZeRO 走一步，每张 GPU 在 n_data 张组成的环里发送的字节数。

    权重和梯度都是每个参数 2 字节。

    出处：Rajbhandari 等 2020，第 7 节。
    """
    ### BEGIN SOLUTION
    halves = 3 if stage == 3 else 2  # reduce-scatters and all-gathers of 2 * n_params bytes
    return halves * 2 * n_params * (n_data - 1) / n_data
    ### END SOLUTION


def tensor_parallel_bytes(
    n_layers: int,
    batch: int,
    seq: int,
    d_model: int,
    n_tensor: int,
) -> float:
    """Bytes that each GPU sends for the forward and backward pass of a batch, through all layers.

    The all-reduces are rings over n_tensor GPUs. Activations, (batch, seq, d_model), have 2 bytes
    for each number.

    Source: Shoeybi et al. 2019, section 3, figure 4.
    ---
    一批数据前向加反向，走过所有层，每张 GPU 发送的字节数。

    all-reduce 在 n_tensor 张 GPU 组成的环里进行。激活值 (batch, seq, d_model)，每个数 2 字节。

    出处：Shoeybi 等 2019，第 3 节，图 4。
    """
    ### BEGIN SOLUTION
    activation = 2 * batch * seq * d_model
    return 4 * n_layers * activation * 2 * (n_tensor - 1) / n_tensor
    ### END SOLUTION


def pipeline_idle(n_stages: int, n_micro: int) -> float:
    """The share of the whole time, 0 to 1, in which a stage of a GPipe pipeline waits.

    All micro-batches go forward, then all backward.
    ---
    GPipe 流水线里，一级的空闲时间占全部时间的比例，0 到 1。

    所有微批先全部前向，再全部反向。
    """
    ### BEGIN SOLUTION
    return (n_stages - 1) / (n_micro + n_stages - 1)
    ### END SOLUTION


def training_days(
    n_params: float, n_tokens: float, n_gpus: int, flops_per_gpu: float, recompute: bool = False
) -> float:
    """Days of training, if each GPU does flops_per_gpu floating-point operations per second.

    flops_per_gpu is what was measured, not the peak of the data sheet. recompute: with activation
    recomputation.

    Source: Narayanan et al. 2021, Efficient Large-Scale Language Model Training on GPU Clusters,
    section 5.1.
    ---
    训练要多少天，设每张 GPU 每秒做 flops_per_gpu 次浮点运算。

    flops_per_gpu 是实测值，不是产品手册上的峰值。recompute：是否使用激活重计算。

    出处：Narayanan 等 2021，Efficient Large-Scale Language Model Training on GPU Clusters，5.1 节。
    """
    ### BEGIN SOLUTION
    per_token = (8 if recompute else 6) * n_params
    return per_token * n_tokens / (n_gpus * flops_per_gpu) / 86_400
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 14, "schema_version": 3, "grade_id": "parallel", "cell_type": "code"}
labkit.check("parallel")

# %% [markdown] tags=["en"]
# **Against what was published.** The ZeRO paper gives the memory of a model of 7.5 billion parameters per GPU (table 1; GB of $10^9$ bytes). Narayanan et al. 2021 (section 5.1) estimate 34 days for GPT-3's 175 billion parameters and
# 300 billion tokens on 1,024 A100 at 140 TFLOP/s each, and 84 days for a model of a trillion (1,008 billion) and 450 billion tokens on 3,072 at 163. The Llama 3 report gives $3.8\cdot 10^{25}$ operations for 405 billion parameters and 15.6 trillion tokens.

# %% [markdown] tags=["zh"]
# **与公开的数字对照。** ZeRO 论文给出了 75 亿参数的模型每张 GPU 的显存（表 1；GB 为 $10^9$ 字节）。Narayanan 等 2021（5.1 节）估算：GPT-3 的 1750 亿参数、3000 亿 token，用 1,024 张 A100、每张 140 TFLOP/s，需要 34 天；
# 一万亿（10,080 亿）参数、4500 亿 token，用 3,072 张、每张 163 TFLOP/s，需要 84 天。Llama 3 的报告给出：4050 亿参数、15.6 万亿 token，共 $3.8\cdot 10^{25}$ 次运算。

# %%
COUNTS = (4, 16, 64, 256)
PAPER = {1: [52.5, 35.6, 31.4, 30.4], 2: [41.3, 21.6, 16.6, 15.4], 3: [30.0, 7.5, 1.88, 0.47]}
print(say(f"{'7.5 B parameters, GB':22}{'GPUs':>6}", f"{'75 亿参数，GB':18}{'GPU 数':>6}"), end="")
print("".join(f"{n:10}" for n in COUNTS))
for stage, published in PAPER.items():
    ours = [model_state_bytes(7.5e9, stage, n) / 1e9 for n in COUNTS]
    print(f"{f'ZeRO {stage}':22}", say(f"{'ours':>5}", f"{'我们的':>2}"), end="")
    print("".join(f"{value:10.2f}" for value in ours))
    print(f"{'':22}", say(f"{'paper':>5}", f"{'论文':>3}"), end="")
    print("".join(f"{value:10.2f}" for value in published))
gpt3 = training_days(175e9, 300e9, 1024, 140e12, True)
trillion = training_days(1.008e12, 450e9, 3072, 163e12, True)
operations = training_days(405e9, 15.6e12, 1, 1) * 86_400
years = training_days(7e9, 15e12, 1, 400e12) / 365
print(
    say(
        f"\nGPT-3 on 1,024 A100: {gpt3:.0f} days (published: 34); "
        f"a trillion on 3,072: {trillion:.0f} days (published: 84)\n"
        f"Llama 3 405B: {operations:.1e} operations (published: 3.8e+25)\n"
        f"7 B parameters, 15 trillion tokens, one GPU at 400 TFLOP/s: {years:.0f} years",
        f"\nGPT-3，1,024 张 A100：{gpt3:.0f} 天（公布：34）；"
        f"一万亿参数，3,072 张：{trillion:.0f} 天（公布：84）\n"
        f"Llama 3 405B：{operations:.1e} 次运算（公布：3.8e+25）\n"
        f"70 亿参数，15 万亿 token，一张 GPU，400 TFLOP/s：{years:.0f} 年",
    )
)
for name, n_params in [
    (say("7 B", "70 亿"), 7e9),
    (say("70 B", "700 亿"), 70e9),
    (say("405 B", "4050 亿"), 405e9),
]:
    needed = [gpus_needed(n_params, 80, stage) for stage in range(4)]
    counts = [say("never", "多少张都不够") if n is None else n for n in needed]
    stages = [say(f"stage {i}: {n}", f"阶段 {i}：{n}") for i, n in enumerate(counts)]
    told = say(", ", "，").join(stages)
    print(say(f"{name:>6} on cards of 80 GiB: {told}", f"{name}参数，80 GiB 的卡：{told}"))

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8))
powers = [2**k for k in range(11)]
for stage, colour in enumerate([GREY, ORANGE, GREEN, BLUE]):
    gib = [model_state_bytes(70e9, stage, n) / 2**30 for n in powers]
    left.plot(powers, gib, "o-", ms=3, color=colour, label=f"ZeRO {stage}" if stage else "DDP")
left.axhline(80, color="black", ls=":", lw=1)
left.text(1, 60, say("a card of 80 GiB", "一张 80 GiB 的卡"), va="top", fontsize=8)
left.set(
    xscale="log",
    yscale="log",
    xlabel=say("GPUs", "GPU 数"),
    ylabel="GiB",
    title=say("70 B parameters: model states on each GPU", "700 亿参数：每张 GPU 上的模型状态"),
)
left.legend(frameon=False)

counts = [8 * 2**k for k in range(10)]
operations = 6 * 8e9 * 4e6
compute = [operations / n / 400e12 for n in counts]
right.plot(counts, compute, color=BLUE, label=say("computing", "计算"))
for stage, style, name in [
    (0, "-", say("sending, DDP to ZeRO 2", "发送，DDP 到 ZeRO 2")),
    (3, "--", say("sending, ZeRO 3", "发送，ZeRO 3")),
]:
    seconds = [data_parallel_bytes(8e9, n, stage) / 50e9 for n in counts]
    right.plot(counts, seconds, style, color=ORANGE, label=name)
right.set(
    xscale="log",
    yscale="log",
    xlabel=say("GPUs", "GPU 数"),
    ylabel=say("seconds for each step", "每步的秒数"),
    title=say("8 B parameters, 4 M tokens in each step", "80 亿参数，每步 400 万 token"),
)
right.legend(frameon=False)
plt.tight_layout()
plt.show()
numbers = range(1, 5000)
crossing = next(n for n in numbers if data_parallel_bytes(8e9, n) / 50e9 > operations / n / 400e12)
print(
    say(
        f"with DDP, sending takes longer than computing from {crossing:,} GPUs on",
        f"用 DDP 时，从 {crossing:,} 张 GPU 起，发送比计算还慢",
    )
)

# %% [markdown] tags=["en"]
# Left: with ZeRO 1 and 2 the memory of each GPU levels off above what is not cut; only stage 3 keeps falling. Right, for a model of 8 billion parameters with 4 million tokens in each step, on GPUs that reach 400 TFLOP/s and send 50 GB/s to other machines: with more GPUs and the same batch, each has less to compute, but **not less to send**. That limits data parallelism. (Overlap hides the shorter of the two times behind the longer one. Beyond the crossing, sending is the longer one, and the GPUs wait for it.)
#
# **Llama 3 405B**, on 16,384 H100 of 80 GB (Llama Team 2024, section 3.3.2 and table 4): tensor parallel 8 × pipeline parallel 16 × data parallel 128, sequences of 8,192 tokens, 16 M tokens in each step. (Its 126 layers make 8 for each pipeline stage, but 7 for the first and the last.) Why these numbers?

# %% [markdown] tags=["zh"]
# 左图：用 ZeRO 1 和 2，每张 GPU 的显存降到没有切的那部分就不再降，只有第 3 阶段一直往下走。右图设 80 亿参数，每步 400 万 token，每张 GPU 算 400 TFLOP/s、向其他机器发送 50 GB/s：GPU 越来越多而每批大小不变时，每张要算的越来越少，**要发的却不会变少**，数据并行的极限就在这里。（重叠能把较短的时间藏在较长的后面；过了交点，发送的时间更长，GPU 就得等它。）
#
# **Llama 3 405B** 用了 16,384 张 80 GB 的 H100（Llama Team 2024，3.3.2 节和表 4）：张量并行 8 × 流水线并行 16 × 数据并行 128，序列长 8,192 个 token，每步 1600 万个 token。（126 层，流水线每级 8 层，只有第一级和最后一级是 7 层。）为什么是这些数？

# %%
LLAMA = {"n_layers": 126, "seq": 8192, "d_model": 16_384}
layers_of_a_stage = math.ceil(LLAMA["n_layers"] / 16)
whole = model_state_bytes(405e9) / 2**30
print(f"GPU: 8 × 16 × 128 = {8 * 16 * 128:,}")
print(say(f"model states of the whole on one GPU: {whole:,.0f} GiB", f"全部模型状态放在一张 GPU 上：{whole:,.0f} GiB"))
for stage, n_data in [(0, 1), (1, 128), (2, 128)]:
    gib = model_state_bytes(405e9, stage, n_data, 8 * 16) / 2**30
    print(
        say(
            f"  cut by 8 × 16, ZeRO {stage}: {gib:5.1f} GiB on each of them",
            f"  切成 8 × 16 份，ZeRO {stage}：每张 {gib:5.1f} GiB",
        )
    )
sent = tensor_parallel_bytes(layers_of_a_stage, 1, LLAMA["seq"], LLAMA["d_model"], 8)
compute = 6 * 405e9 / 128 * LLAMA["seq"] / 400e12
few, many = pipeline_idle(16, 16), pipeline_idle(16, 64)
print(
    say(
        f"one sequence through one pipeline stage: {compute:.2f} s to compute at 400 TFLOP/s, "
        f"{sent / 1e9:.1f} GB to send:\n"
        f"  {sent / 450e9:.3f} s over NVLink (the links among 8 cards of a machine, 450 GB/s), "
        f"{sent / 50e9:.2f} s over the network (50 GB/s)\n"
        f"pipeline of 16 stages: {few:.0%} idle with 16 micro-batches, {many:.0%} with 64",
        f"一条序列走过流水线的一级：按 400 TFLOP/s 计算要 {compute:.2f} 秒，要发送 {sent / 1e9:.1f} GB：\n"
        f"  走 NVLink（一台机器 8 张卡之间的链路，450 GB/s）{sent / 450e9:.3f} 秒，"
        f"走网络（50 GB/s）{sent / 50e9:.2f} 秒\n"
        f"16 级的流水线：16 个微批时 {few:.0%} 空闲，64 个微批时 {many:.0%} 空闲",
    )
)

# %% [markdown] tags=["en"]
# So: tensor parallelism stays **within** the machine of 8 cards, where the links are fast. The pipeline goes **between** machines, since it sends least: one activation from stage to stage. Data parallelism, whose messages can be sent during the backward pass, is outermost; its ranks also share out optimizer states and gradients
# (Llama Team 2024, section 3.3.2). With a batch of only 16 sequences for each pipeline, idling is the price; the report describes an interleaved schedule that lowers it.
#
# ## Summary
#
# - Four operations are enough: all_reduce, broadcast, all_gather, reduce_scatter. Every rank must call the same ones.
# - Data parallel: weight by the number of examples; a missing gradient counts as zero; averaged replicas stay the same to the bit, others drift apart without an error.
# - 16 bytes per parameter: 2 + 2 + 12. ZeRO 1 and 2 cut that and send no more than DDP; ZeRO 3 cuts everything and sends half as much again.
# - Tensor parallel: the first matrix by columns, the second by rows, the bias once; f sums in the backward pass, g in the forward pass.
# - A ring sends $2\,\frac{N-1}{N}$ times the data: the memory of each GPU shrinks with more GPUs, its messages do not.
#
# **On real GPUs.** `data/recipes` holds recipes for practice: Llama 3.1 8B continued on Chinese, and a code model on your own code, for Hugging Face's `Trainer` (FSDP, that is ZeRO 3), LLaMA-Factory (DeepSpeed's ZeRO 3, or LoRA on one card) and unsloth.
# Its README says which cards each needs; check the figures with your calculator.
#
# **Today** (late 2026; what our sources show)
#
# - *Sharding.* PyTorch's ZeRO 3 is now FSDP2 (`fully_shard`), which cuts each parameter by itself instead of one long row. *HSDP* cuts within a group of GPUs and replicates between groups (Zhao et al. 2023, section 3.2). Trainers such as torchtitan combine it with all that follows (Liang et al. 2024, section 2).
# - *Long sequences.* *Sequence parallelism* also cuts what lies between f and g of two blocks, layer norm and dropout, along the sequence (Korthikanti et al. 2022, section 4.2). *Context parallelism* cuts the sequence in attention, too (Liu et al. 2023, *Ring Attention*; Llama Team 2024, section 3.3.2).
# - *Mixtures of experts.* *Expert parallelism* places experts on different GPUs and sends tokens to them with an all-to-all. DeepSeek-V3 (2024, section 3.2) trains with pipeline, expert and data parallelism, without tensor parallelism.
# - *Pipelines.* 1F1B starts backward passes early, so that fewer activations are kept (Narayanan et al. 2021, section 2.2); zero-bubble schedules cut the backward pass in two and fill the idle slots (Qi et al. 2023, section 2).
# - *Precision.* DeepSeek-V3 multiplies most matrices in FP8, formats of 8 bits (section 3.3).
#
# ## Three questions to think about
#
# 1. Replicas that never talk drift apart. What if they average their *weights*, every 100 steps? (Douillard et al. 2023 call it DiLoCo. Try it with `train`: what does the loss of the averaged model do?)
# 2. Clipping needs the norm of the whole gradient. What must ranks say to each other to clip correctly in ZeRO 1, and in tensor parallelism, where `down_bias` is on every rank but each part of `up` on only one?
# 3. Dropout inside `ParallelMLP`: should the ranks draw the same random numbers, or different ones? And after $g$?
#
# ## Further reading
#
# - Li et al. 2020, *PyTorch Distributed: Experiences on Accelerating Data Parallel Training*: section 3.
# - Rajbhandari et al. 2020, *ZeRO: Memory Optimizations Toward Training Trillion Parameter Models*: sections 3, 5 and 7.
# - Shoeybi et al. 2019, *Megatron-LM: Training Multi-Billion Parameter Language Models Using Model Parallelism*: section 3.
# - Narayanan et al. 2021, *Efficient Large-Scale Language Model Training on GPU Clusters Using Megatron-LM*: sections 2, 3 and 5.1.
# - Huang et al. 2019, *GPipe*: section 2.
# - Zhao et al. 2023, *PyTorch FSDP: Experiences on Scaling Fully Sharded Data Parallel*: section 3.
# - Korthikanti et al. 2022, *Reducing Activation Recomputation in Large Transformer Models*: section 4.
# - Llama Team 2024, *The Llama 3 Herd of Models*: section 3.3.
# - DeepSeek-AI 2024, *DeepSeek-V3 Technical Report*: sections 3.2 and 3.3.

# %% [markdown] tags=["zh"]
# 所以：张量并行留在 8 张卡的一台机器**之内**，那里的链路最快。流水线架在机器**之间**，因为它传得最少：相邻两级之间只传一份激活值。数据并行的消息可以在反向传播期间发送，所以放在最外层，
# 优化器状态和梯度也沿着它来切（Llama Team 2024，3.3.2 节）。每条流水线一步只有 16 条序列，空闲就是代价；报告里描述了一种交错式的调度来降低它。
#
# ## 小结
#
# - 四种操作就够了：all_reduce、broadcast、all_gather、reduce_scatter。每个 rank 都必须调用相同的操作。
# - 数据并行：按样本数加权；缺少的梯度按零算；做平均的副本逐位相同，不做的会越走越远，而且不报错。
# - 每个参数 16 字节：2 + 2 + 12。ZeRO 1、2 把它切小，传的不比 DDP 多；ZeRO 3 全部切开，通信量多一半。
# - 张量并行：第一个矩阵按列切，第二个按行切，偏置只加一次；f 在反向求和，g 在前向求和。
# - 环形 all-reduce 发送的是数据量的 $2\,\frac{N-1}{N}$ 倍：GPU 越多，每张的显存越省，要发的消息却不会变少。
#
# **上真正的 GPU。** `data/recipes` 里是实际工作中会用的配方：让 Llama 3.1 8B 继续学中文，让一个代码模型继续学你自己的代码；工具有 Hugging Face 的 `Trainer`（FSDP，也就是 ZeRO 3）、LLaMA-Factory（DeepSpeed 的 ZeRO 3，或单卡 LoRA）和 unsloth。
# 其中的 README.zh-CN.md 写明每个配方需要什么卡；用你的计算器核对一下那些数字。
#
# **今天**（2026 年底，以我们查到的资料为限）
#
# - **切片。** PyTorch 的 ZeRO 3 现在是 FSDP2（`fully_shard`）：逐个参数切，不再把所有参数排成一行来切。**HSDP** 在一组 GPU 之内切片，各组之间复制（Zhao 等 2023，3.2 节）。torchtitan 这样的训练框架把它与下面各种并行组合起来（Liang 等 2024，第 2 节）。
# - **长序列。** **序列并行**把前后两块的 f 与 g 之间的部分（层归一化和 dropout）也沿序列切开（Korthikanti 等 2022，4.2 节）。**上下文并行**连注意力里的序列也切开（Liu 等 2023，《Ring Attention》；Llama Team 2024，3.3.2 节）。
# - **混合专家。** **专家并行**把专家放在不同的 GPU 上，用 all-to-all 把 token 送过去。DeepSeek-V3（2024，3.2 节）用流水线并行、专家并行和数据并行训练，不用张量并行。
# - **流水线。** 1F1B 让反向尽早开始，这样要保存的激活值更少（Narayanan 等 2021，2.2 节）；零气泡（zero-bubble）调度把反向拆成两半，用来填补空闲的时隙（Qi 等 2023，第 2 节）。
# - **精度。** DeepSeek-V3 的大多数矩阵乘法用 FP8，即 8 位的格式（3.3 节）。
#
# ## 三个思考题
#
# 1. 从不交流的副本会越走越远。如果它们每 100 步平均一次**权重**呢？（Douillard 等 2023 称之为 DiLoCo。用 `train` 试试：平均之后的模型，损失会怎样？）
# 2. 梯度裁剪需要整个梯度的范数。在 ZeRO 1 里，各 rank 之间要说什么才能裁剪正确？在张量并行里呢？那里 `down_bias` 每个 rank 都有，而 `up` 的每一部分只有一个 rank 有。
# 3. 在 `ParallelMLP` 里面加 dropout：各 rank 应该抽相同的随机数，还是不同的？放在 $g$ 之后呢？
#
# ## 延伸阅读
#
# - Li 等 2020，《PyTorch Distributed: Experiences on Accelerating Data Parallel Training》：第 3 节。
# - Rajbhandari 等 2020，《ZeRO: Memory Optimizations Toward Training Trillion Parameter Models》：第 3、5、7 节。
# - Shoeybi 等 2019，《Megatron-LM: Training Multi-Billion Parameter Language Models Using Model Parallelism》：第 3 节。
# - Narayanan 等 2021，《Efficient Large-Scale Language Model Training on GPU Clusters Using Megatron-LM》：第 2、3 节和 5.1 节。
# - Huang 等 2019，《GPipe》：第 2 节。
# - Zhao 等 2023，《PyTorch FSDP: Experiences on Scaling Fully Sharded Data Parallel》：第 3 节。
# - Korthikanti 等 2022，《Reducing Activation Recomputation in Large Transformer Models》：第 4 节。
# - Llama Team 2024，《The Llama 3 Herd of Models》：3.3 节。
# - DeepSeek-AI 2024，《DeepSeek-V3 Technical Report》：3.2 和 3.3 节。
