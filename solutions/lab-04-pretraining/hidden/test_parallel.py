"""Hidden tests of lab 04, parallel. The ranks are threads in the sandbox (labkit.ranks), which run the student's functions
through the programs that the notebook gives; the notebook runs the same programs in processes.

The references are float64: the gradient of the whole batch by autograd, torch.optim.AdamW on the mean gradients, the dense
layer, and the formulas written out, with a search in place of an inverse.

Tolerances were measured over 10 secrets, with 1 and 2 threads on this side: the reference's float32 results are within
MEASURED of float64, below a tenth of the default of `expect.close` (1e-5 absolute plus 1e-5 relative).
"""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.grading import expect
from autograder.grading.student import Handle, Student
from labkit.i18n import Bilingual

Rng = np.random.Generator


def normal(rng: Rng, *shape: int) -> Tensor:
    """Standard normal values, float32."""
    return torch.from_numpy(rng.standard_normal(shape)).float()


def on_ranks(student: Student, size: int, program: str, *args: Any) -> list[Any]:
    """What a program of the notebook returns on each of `size` ranks."""
    function = student.new("importlib:import_module", "__main__").get(program)
    results = student.new("labkit.ranks:threads", size, function, *args)
    what = Bilingual("each rank should return a result", "每个 rank 都应当返回一个结果")
    expect.that(isinstance(results, list) and len(results) == size, what)
    return results


def linear(student: Student, weights: dict[str, Tensor]) -> Handle:
    """An nn.Linear in the sandbox with these weights, in their dtype."""
    layer = student.new("torch.nn:Linear", *reversed(weights["weight"].shape), dtype=weights["weight"].dtype)
    layer.load_state_dict(weights)
    return layer


def gradient_of(name: str, rank: int, n_ranks: int) -> Bilingual:
    return Bilingual(
        f"the gradient of {name} on rank {rank} of {n_ranks}", f"{n_ranks} 个 rank 时 rank {rank} 上 {name} 的梯度"
    )


# --- data parallel ----------------------------------------------------------------------------------------------------


@pytest.mark.problem(
    "parallel",
    points=2,
    rests_on=[
        "Replaces the gradients of a replica by those of the mean loss over the examples of all ranks.",
        "its gradients are those of the mean loss over this rank's own examples.",
        "how many these are. Ranks may have different numbers.",
    ],
    hint={
        "en": "The averaged gradients are not those of the whole batch. The ranks have different numbers of examples, and each rank's gradient is that of a mean "
        "over its own: how much should it count?",
        "zh": "平均之后的梯度不等于整批的梯度。各 rank 的样本数不同，而每个 rank 的梯度是对自己那些样本求平均得来的：它该占多大的分量？",
    },
)
def test_averaged_gradients_are_those_of_the_whole_batch(student, rng):
    for counts in ([4, 4], [5, 2], [3, 1, 7]):
        weights = {"weight": normal(rng, 3, 5), "bias": normal(rng, 3)}
        x, cotangent = normal(rng, sum(counts), 5), normal(rng, sum(counts), 3)
        models = [linear(student, weights) for _ in counts]
        for model, mine, above in zip(models, x.split(counts), cotangent.split(counts), strict=True):
            student.vjp(model, [mine], above / len(mine))
        found = on_ranks(student, len(counts), "average_on_each", models, counts)
        leaves = [value.double().requires_grad_() for value in weights.values()]
        (F.linear(x.double(), *leaves) * cotangent).sum().div(len(x)).backward()
        for rank, gradients in enumerate(found):
            for name, gradient, leaf in zip(weights, gradients, leaves, strict=True):
                expect.close(gradient, leaf.grad, what=gradient_of(name, rank, len(counts)))


@pytest.mark.problem(
    "parallel",
    points=2,
    rests_on=[
        "A rank with none, 0, has no gradients either, and takes part in all operations like the others.",
        "Afterwards each parameter that requires a gradient has one, the same on all ranks to the bit. A gradient "
        "that was None on a rank counts as zero there; the rank's examples count all the same. Parameters that do "
        "not require a gradient are left alone: theirs stays None.",
    ],
    hint={
        "en": "A gradient that is None on some ranks counts as zero there, and every rank must call the same operations; frozen parameters are left alone. "
        "A rank without examples takes part like the others. And over several steps the replicas must stay the same to the last bit.",
        "zh": "某些 rank 上为 None 的梯度，在那里按零计算，而且每个 rank 都要调用相同的操作，没有样本的 rank 也不例外；冻结的参数不要动。另外，走过若干步之后，各副本必须逐位相同。",
    },
)
def test_missing_gradients_count_as_zero_and_replicas_stay_alike(student, rng):
    shapes = {"weight_ih": (9, 5), "weight_hh": (9, 3), "bias_ih": (9,), "bias_hh": (9,)}
    # ranks without a gradient; rank 3 has no examples
    nowhere = {"weight_ih": [3], "weight_hh": [1, 3], "bias_ih": [0, 2, 3], "bias_hh": [0, 1, 2, 3]}
    counts = [2, 3, 4, 0]
    models, sums = [], {name: torch.zeros(shape, dtype=torch.float64) for name, shape in shapes.items()}
    for rank, count in enumerate(counts):
        model = student.new("torch.nn:GRUCell", 5, 3)
        model.set("bias_hh.requires_grad", False)
        for name, shape in shapes.items():
            if rank not in nowhere.get(name, []):
                gradient = normal(rng, *shape)
                model.set(f"{name}.grad", gradient)
                sums[name] += count * gradient.double()
        models.append(model)
    for rank, gradients in enumerate(on_ranks(student, 4, "average_on_each", models, counts)):
        for name, gradient in zip(shapes, gradients, strict=True):
            if name == "bias_hh":
                what = Bilingual(
                    f"a frozen parameter should have no gradient on rank {rank}",
                    f"冻结的参数在 rank {rank} 上不应当有梯度",
                )
                expect.that(gradient is None, what)
            else:
                expect.close(gradient, sums[name] / 9, what=gradient_of(name, rank, 4))
    weights = {"weight": normal(rng, 4, 6), "bias": normal(rng, 4)}
    x, y = normal(rng, 3, 9, 6), torch.from_numpy(rng.integers(0, 4, (3, 9)))
    trained = on_ranks(student, 2, "train_on_each", linear(student, weights), x, y, [0, 2, 9], 0.3)
    leaves = [value.double().requires_grad_() for value in weights.values()]
    for inputs, targets in zip(x.double(), y, strict=True):
        gradients = torch.autograd.grad(F.cross_entropy(F.linear(inputs, *leaves), targets), leaves)
        leaves = [(leaf - 0.3 * g).detach().requires_grad_() for leaf, g in zip(leaves, gradients, strict=True)]
    for name, ours, other, leaf in zip(weights, trained[0][0], trained[1][0], leaves, strict=True):
        expect.close(ours, leaf.detach(), what=Bilingual(f"{name} after three steps", f"三步之后的 {name}"))
        what = Bilingual(f"{name} of rank 1, which should be that of rank 0", f"rank 1 的 {name}（应与 rank 0 的相同）")
        expect.equal(other, ours, what=what)


# --- ZeRO -------------------------------------------------------------------------------------------------------------


HYPER = {"lr": 0.1, "betas": (0.8, 0.95), "eps": 0.05, "weight_decay": 0.3}  # a large eps: a sum is no mean


class Adam:
    """Steps of torch.optim.AdamW with the mean of the ranks' gradients, in float64, on one row of parameters."""

    def __init__(self, rng: Rng, n_ranks: int, n_steps: int, n_inputs: int, missing: bool = False) -> None:
        shapes = {"weight_ih": (9, n_inputs), "weight_hh": (9, 3), "bias_ih": (9,), "bias_hh": (9,)}
        self.weights = {name: normal(rng, *shape) for name, shape in shapes.items()}
        self.gradients = [
            [[normal(rng, *shape) for shape in shapes.values()] for _ in range(n_ranks)] for _ in range(n_steps)
        ]
        if missing:  # rank 0 has no gradient of bias_ih in the second step
            self.gradients[1][0][2].zero_()
        row = torch.cat([value.flatten() for value in self.weights.values()]).double().requires_grad_()
        optimizer = torch.optim.AdamW([row], **HYPER)
        self.rows = []
        for step in self.gradients:
            row.grad = torch.stack([torch.cat([g.flatten() for g in of_rank]) for of_rank in step]).double().mean(0)
            optimizer.step()
            self.rows.append(row.detach().clone())
        self.state = optimizer.state[row]
        if missing:
            self.gradients[1][0][2] = None

    def run(self, student: Student) -> list[Any]:
        """The same by the student's ShardedAdamW."""
        model = student.new("torch.nn:GRUCell", self.weights["weight_ih"].shape[1], 3)
        model.load_state_dict(self.weights)
        return on_ranks(student, len(self.gradients[0]), "sharded_steps", model, self.gradients, HYPER)


@pytest.mark.problem(
    "parallel",
    points=2,
    rests_on=[
        "torch.optim.AdamW over [shard], and over nothing else.",
        "lr, betas, eps, weight_decay; all are passed on to torch.optim.AdamW.",
        "One step with the mean of the ranks' gradients. Afterwards all parameters have their new values, the same "
        "on all ranks.",
        "None counts as zero: torch.optim.AdamW would leave such a parameter alone, but here the row is one tensor, "
        "so averages and weight decay move it.",
    ],
    hint={
        "en": "ShardedAdamW does not take the steps of one AdamW with the mean of the ranks' gradients, or leaves ranks with different parameters. "
        "Does every part of the row get its gradients from all ranks, and do all ranks get every part back? Is the end of the row there, and does None count as zero?",
        "zh": "ShardedAdamW 的更新与一个使用各 rank 平均梯度的 AdamW 不一致，或者各 rank 的参数不同了。那一行的每一段都收到所有 rank 的梯度了吗？每个 rank 都取回了每一段吗？行尾还在吗？None 按零算了吗？",
    },
)
def test_sharded_adamw_takes_the_steps_of_adamw(student, rng):
    for n_ranks in (2, 4):
        adam = Adam(rng, n_ranks, 4, 5, missing=True)  # 90 numbers: 4 ranks do not divide them
        for rank, (rows, _) in enumerate(adam.run(student)):
            for step, (row, expected) in enumerate(zip(rows, adam.rows, strict=True), start=1):
                what = Bilingual(
                    f"the parameters of rank {rank} of {n_ranks} after step {step}",
                    f"{n_ranks} 个 rank 时，第 {step} 步之后 rank {rank} 的参数",
                )
                expect.close(row, expected, what=what)


@pytest.mark.problem(
    "parallel",
    points=1,
    rests_on=[
        "nn.Parameter (ceil(n / size),): this rank's part of the row of all n numbers. The row is the parameters, "
        "flattened, in their order, filled up with zeros at its end; rank r has its r-th part.",
        "torch.optim.AdamW over [shard], and over nothing else.",
    ],
    hint={
        "en": "Each rank should keep the state of its own shard, ceil(n / size) numbers, and no more: that is the point of ZeRO.",
        "zh": "每个 rank 只应保存自己那一片的状态，即 ceil(n / size) 个数，一个也不多：这正是 ZeRO 的意义。",
    },
)
def test_each_rank_keeps_its_share_of_the_state(student, rng):
    for n_ranks in (3, 5):
        adam = Adam(rng, n_ranks, 2, 4)  # 81 numbers: 5 ranks do not divide them
        states = [state for _, state in adam.run(student)]
        for name in ("exp_avg", "exp_avg_sq"):
            what = Bilingual(f"{name} of a rank", f"一个 rank 的 {name}")
            shards = [expect.tensor(state.get(name), (-(-81 // n_ranks),), what=what) for state in states]
            what = Bilingual(f"{name} of all {n_ranks} ranks, put together", f"{n_ranks} 个 rank 拼起来的 {name}")
            expect.close(torch.cat(shards)[:81], adam.state[name], what=what)


# --- tensor parallel --------------------------------------------------------------------------------------------------


class Dense:
    """Two layers with known weights and what they compute, in float64."""

    def __init__(self, student: Student, rng: Rng, d_model: int, d_ff: int) -> None:
        up = {"weight": normal(rng, d_ff, d_model).double(), "bias": normal(rng, d_ff).double()}
        down = {"weight": normal(rng, d_model, d_ff).double(), "bias": normal(rng, d_model).double()}
        self.layers = linear(student, up), linear(student, down)
        self.x, self.cotangent = normal(rng, 3, 7, d_model).double(), normal(rng, 3, 7, d_model).double()
        self.leaves = [value.clone().requires_grad_() for value in (self.x, *up.values(), *down.values())]
        x, up_weight, up_bias, down_weight, down_bias = self.leaves
        output = F.linear(F.gelu(F.linear(x, up_weight, up_bias)), down_weight, down_bias)
        output.backward(self.cotangent)
        self.output = output.detach()


@pytest.mark.problem(
    "parallel",
    points=1,
    rests_on=[
        "down(gelu(up(x))); of its d_ff hidden entries rank r computes the r-th d_ff / size.",
        "gelu is the exact one, the default of torch.nn.functional.gelu.",
        "the same x, and the same result, on every rank.",
        "All parts keep dtype (float64, too) and device of the layers that they come from.",
        "Copies its part of two whole layers with biases; later changes of these layers do not matter.",
        "ValueError: d_ff is no multiple of the number of ranks.",
    ],
    hint={
        "en": "ParallelMLP does not compute what the dense layer computes. Which matrix is cut by columns and which by rows, where does GELU stand, and how often "
        "is the last bias added? The parts are copies. Ranks that do not divide d_ff are a ValueError.",
        "zh": "ParallelMLP 的输出与稠密层不同。哪个矩阵按列切、哪个按行切？GELU 放在哪里？最后的偏置加了几次？各部分应是拷贝。rank 数不能整除 d_ff 时应抛出 ValueError。",
    },
)
def test_parallel_mlp_is_the_dense_layer(student, rng):
    dense = Dense(student, rng, 5, 12)
    for n_ranks in (2, 3, 1):
        for rank, output in enumerate(on_ranks(student, n_ranks, "mlp_forward", *dense.layers, dense.x)):
            what = Bilingual(f"the output of rank {rank} of {n_ranks}", f"{n_ranks} 个 rank 时 rank {rank} 的输出")
            expect.close(output, dense.output, what=what, atol=1e-9)
    group = student.new("labkit.ranks:ThreadGroup", student.new("labkit.ranks:_Meeting", 1), 0)
    layer = student.ParallelMLP(*dense.layers, group)
    for whole in dense.layers:
        whole.load_state_dict({name: torch.zeros_like(value) for name, value in whole.state_dict().items()})
    what = Bilingual(
        "the output after the layers it was made of have changed", "所用的两层改动之后，ParallelMLP 的输出"
    )
    expect.close(layer(dense.x), dense.output, what=what, atol=1e-9)
    dense = Dense(student, rng, 5, 12)
    uneven = Bilingual("5 ranks for 12 hidden entries", "12 个隐藏分量分给 5 个 rank")
    expect.refused(lambda: on_ranks(student, 5, "mlp_forward", *dense.layers, dense.x), uneven)


@pytest.mark.problem(
    "parallel",
    points=2,
    rests_on=[
        "Megatron's f: x itself; on the way back, the gradients of all ranks are summed.",
        "Megatron's g: the sum of all ranks' x; on the way back, the gradient goes through unchanged.",
        "of its d_ff hidden entries rank r computes the r-th d_ff / size.",
        "nn.Linear(d_model, d_ff / size), this rank's part of the whole `up`.",
        "down_weight: Parameter (d_model, d_ff / size), its part of `down`.",
        "down_bias: Parameter (d_model,), whole on every rank.",
    ],
    hint={
        "en": "The gradients in ParallelMLP are not the dense layer's. For x and the last bias, which are whole on every rank: which of f and g sums on the way back? "
        "For the rank's part of the matrices: is that of rank r the r-th block of the hidden entries?",
        "zh": "ParallelMLP 的梯度与稠密层不同。x 和最后的偏置在每个 rank 上都是完整的：f 和 g 之中，哪一个在反向时求和？矩阵只有本 rank 的那部分：r 号 rank 拿的是隐藏分量的第 r 段吗？",
    },
)
def test_gradients_of_the_parallel_mlp(student, rng):
    dense = Dense(student, rng, 7, 12)
    x, up_weight, up_bias, down_weight, down_bias = (leaf.grad for leaf in dense.leaves)
    for n_ranks in (2, 3):
        width = 12 // n_ranks
        args = *dense.layers, dense.x, dense.cotangent
        for rank, found in enumerate(on_ranks(student, n_ranks, "mlp_gradients", *args)):
            mine = slice(rank * width, (rank + 1) * width)
            for name, expected in {
                "x": x, "up.weight": up_weight[mine], "up.bias": up_bias[mine],
                "down_weight": down_weight[:, mine], "down_bias": down_bias,
            }.items():  # fmt: skip
                expect.close(found.get(name), expected, what=gradient_of(name, rank, n_ranks), atol=1e-9)


# --- the calculator ---------------------------------------------------------------------------------------------------


def of_stage(function: str, stage: int) -> Bilingual:
    return Bilingual(f"{function} of stage {stage}", f"ZeRO 第 {stage} 阶段的 {function}")


def states_here(n_params: float, stage: int, n_data: int) -> float:
    weights, gradients, states = 2 * n_params, 2 * n_params, 12 * n_params
    return {
        0: weights + gradients + states,
        1: weights + gradients + states / n_data,
        2: weights + (gradients + states) / n_data,
        3: (weights + gradients + states) / n_data,
    }[stage]


def close_to(actual: Any, expected: float, what: expect.What) -> None:
    """Figures of any size: a relative tolerance."""
    named = what if isinstance(what, Bilingual) else Bilingual(what, what)
    number = isinstance(actual, (int, float)) and not isinstance(actual, bool)
    expect.that(number, Bilingual(f"{named.en} should be a number", f"{named.zh}：应当是一个数"))
    expect.close(actual / expected, 1.0, what=what, atol=1e-9)


@pytest.mark.problem(
    "parallel",
    points=2,
    rests_on=[
        "Bytes of weights, gradients and AdamW's states on each GPU, in mixed precision. 2 + 2 + 12 bytes for each "
        "parameter.",
        "| 0 (DDP) | nothing | $2 + 2 + 12$ |",
        "| 1 | optimizer states | $2 + 2 + 12/N$ |",
        "| 2 | and gradients | $2 + 2/N + 12/N$ |",
        "| 3 (FSDP) | and weights | $2/N + 2/N + 12/N$ |",
        "GPUs over which the model itself is cut, tensor times pipeline parallel: each has 1 / n_model of it.",
        "ValueError: for another stage.",
        "The smallest number of GPUs on which the model states fit with ZeRO; None if no number suffices.",
        "Each GPU has gpu_gib GiB (of 2**30 bytes); states that fill it to the byte fit. With n GPUs ZeRO cuts over n",
    ],
    hint={
        "en": "The bytes of weights, gradients and optimizer states are wrong for a stage, or the number of GPUs of so many GiB. Count: 2 + 2 + 12 for each parameter; which of "
        "the three does a stage cut? How many bytes is a GiB?",
        "zh": "某个阶段的权重、梯度、优化器状态的字节数不对，或者所需的 GPU 数不对（每张若干 GiB）。数一数：每个参数 2 + 2 + 12；每个阶段切的是三者中的哪些？一个 GiB 是多少字节？",
    },
)
def test_memory_of_the_model_states(student, rng):
    for stage in range(4):
        n_params, n_data, n_model = (
            float(rng.integers(10**9, 10**11)),
            int(rng.integers(3, 300)),
            int(rng.integers(2, 99)),
        )
        what = of_stage("model_state_bytes", stage)
        close_to(student.model_state_bytes(n_params, stage, n_data), states_here(n_params, stage, n_data), what)
        found = student.model_state_bytes(n_params, stage, n_data, n_model)
        what = Bilingual(f"{what.en} with the model cut, too", f"{what.zh}（模型也切开）")
        close_to(found, states_here(n_params, stage, n_data) / n_model, what)
    for stage, gib in [(3, 80), (2, 80), (1, 80), (1, 24), (0, 40), (0, 256), (3, 999)]:
        n_params = float(rng.integers(9 * 10**9, 12 * 10**9)) * (40 if stage == 3 else 1)
        fits = (n for n in range(1, 1000) if states_here(n_params, stage, n) <= gib * 2**30)
        found = student.gpus_needed(n_params, gib, stage)
        expect.equal(found, next(fits, None), what=of_stage("gpus_needed", stage))
    for stage, each in [(0, 16), (1, 4), (2, 2)]:  # to the byte: what every GPU has is all that a card holds
        n_params, fits = 7 * 2**30, 1 if stage == 0 else None
        found = student.gpus_needed(n_params, 7 * each, stage)
        expect.equal(found, fits, what=of_stage("gpus_needed", stage))
    expect.refused(lambda: student.model_state_bytes(1e9, 4, 2), "model_state_bytes(1e9, 4, 2)")


@pytest.mark.problem(
    "parallel",
    points=2,
    rests_on=[
        "Bytes that each GPU sends for one step of DDP (stage 0) or ZeRO, in rings over n_data GPUs. Weights and "
        "gradients have 2 bytes for each parameter.",
        r"| stage of ZeRO | what is sent | × $2\Psi\,\frac{N-1}{N}$ bytes |",
        "| 0 to 2 | gradients reduce-scattered; then gradients or weights all-gathered | 2 |",
        "| 3 | weights all-gathered for the forward **and again** for the backward pass; gradients reduce-scattered "
        "| 3 |",
        "Bytes that each GPU sends for the forward and backward pass of a batch, through all layers. The all-reduces "
        "are rings over n_tensor GPUs. Activations, (batch, seq, d_model), have 2 bytes for each number.",
        r"for each layer an all-reduce after attention and one after the MLP, and both again in the backward pass: "
        r"**four**, each $2\,\frac{N-1}{N}$ times the activation.",
        "The share of the whole time, 0 to 1, in which a stage of a GPipe pipeline waits.",
        r"Their share of the whole time is $\frac{p-1}{m+p-1}$",
        "Days of training, if each GPU does flops_per_gpu floating-point operations per second.",
        r"A token costs $6\Psi$ floating-point operations",
        r"the forward pass runs twice: $8\Psi$",
    ],
    hint={
        "en": "What each GPU sends, the idle share of a pipeline, or the days are wrong. A ring's all-reduce is two halves, each (N - 1) / N of the data; which of "
        "them does each strategy need, how often, and how many bytes has a number?",
        "zh": "每张 GPU 发送的字节数、流水线的空闲比例，或者天数不对。环形 all-reduce 由两半组成，每半是数据量的 (N - 1) / N；每种策略需要哪几半、各几次？一个数占几个字节？",
    },
)
def test_communication_and_time(student, rng):
    n_params, n_data = float(rng.integers(10**9, 10**11)), int(rng.integers(3, 30))
    for stage, halves in enumerate([2, 2, 2, 3]):
        expected = halves * 2 * n_params * (1 - 1 / n_data)
        found = student.data_parallel_bytes(n_params, n_data, stage)
        close_to(found, expected, of_stage("data_parallel_bytes", stage))
    layers, batch, seq, width, ranks = (int(value) for value in rng.integers(3, 99, 5))
    expected = 16 * layers * batch * seq * width * (1 - 1 / ranks)
    found = student.tensor_parallel_bytes(layers, batch, seq, width, ranks)
    close_to(found, expected, "tensor_parallel_bytes")
    stages, micro = (int(value) for value in rng.integers(3, 40, 2))
    busy = np.zeros((stages, micro + stages - 1), dtype=bool)
    for stage in range(stages):
        busy[stage, stage : stage + micro] = True
    close_to(student.pipeline_idle(stages, micro), 1 - busy.mean(), "pipeline_idle")
    tokens, speed = float(rng.integers(10**10, 10**12)), float(rng.integers(10**13, 10**14))
    for recompute, cost in ((False, 6), (True, 8)):
        expected = cost * n_params * tokens / speed / n_data / (24 * 3600)
        found = student.training_days(n_params, tokens, n_data, speed, recompute)
        what = Bilingual(f"training_days with recompute={recompute}", f"recompute={recompute} 时的 training_days")
        close_to(found, expected, what)
