"""Public checks of explore."""

from contextlib import suppress
from typing import Any

import torch
from torch import nn

from labkit.check import case, fail


@case("explore", en="own parameters: each module its own", zh="自有参数：各数各的")
def own_and_not_the_childrens(student: Any) -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.Sequential(nn.LayerNorm(2), nn.Linear(2, 2, bias=False)))
    own = student.own_parameters(model)
    if own != {"": 0, "0": 8, "1": 0, "1.0": 4, "1.1": 4}:
        fail(
            f"Linear(3, 2) has 6 weights and 2 biases, containers have nothing of their own; yours: {own}",
            f"Linear(3, 2) 有 6 个权重和 2 个偏置，容器自己没有参数；你的结果：{own}",
        )


@case("explore", en="own parameters: a shared weight counts once", zh="自有参数：共享的权重只数一次")
def shared_weight(student: Any) -> None:
    model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 5, bias=False))
    model[1].weight = model[0].weight
    if sum(student.own_parameters(model).values()) != 15:
        fail(
            "One tensor of 15 numbers at two places is 15 parameters.",
            "同一个 15 个数的张量出现在两处，参数总数仍是 15。",
        )


@case("explore", en="subtotals", zh="子树求和")
def sums_over_subtrees(student: Any) -> None:
    sums = student.subtotals({"": 1, "h": 2, "h.1": 4, "h.10": 8, "h.10.up": 16})
    if sums != {"": 31, "h": 30, "h.1": 4, "h.10": 24, "h.10.up": 16}:
        fail(
            f"The docstring has this example; yours: {sums}",
            f"文档字符串里就有这个例子；你的结果：{sums}",
        )


@case("explore", en="subtotals: what is below", zh="子树求和：谁在谁下面")
def below_means_behind_a_dot(student: Any) -> None:
    sums = student.subtotals({"": 1, "lm": 2, "lm.1": 4, "lm_head": 8})
    if sums != {"": 15, "lm": 6, "lm.1": 4, "lm_head": 8}:
        fail(
            f"`lm.1` is below `lm`, `lm_head` is not; all are below the model, ''; yours: {sums}",
            f"`lm.1` 在 `lm` 下面，`lm_head` 不在；所有路径都在整个模型 '' 下面；你的结果：{sums}",
        )


@case("explore", en="FLOPs of one layer", zh="单个层的 FLOPs")
def flops_of_one_layer(student: Any) -> None:
    flops = student.layer_flops(nn.Linear(3, 2), torch.zeros(4, 5, 2))
    if flops != 240:
        fail(
            f"3 × 2 multiplications and as many additions for each of 4 × 5 vectors: 240 FLOPs, not {flops}.",
            f"4 × 5 个向量，每个要 3 × 2 次乘法和同样多次加法：240 FLOPs，而不是 {flops}。",
        )


@case("explore", en="the report of a small model", zh="一个小模型的报告")
def report_of_a_small_model(student: Any) -> None:
    act = nn.ReLU()
    model = nn.Sequential(nn.Embedding(7, 3), act, nn.Linear(3, 2), act)
    report = student.explore(model, torch.zeros(4, 5, dtype=torch.long))
    if report.shapes != {"": [(4, 5, 2)], "0": [(4, 5, 3)], "1": [(4, 5, 3), (4, 5, 2)], "2": [(4, 5, 2)]}:
        fail(
            f"Each module should have a list of shapes, one for each run (the ReLU: two); yours: {report.shapes}",
            f"每个模块应有一个形状列表，运行一次记一个（ReLU 运行了两次）；你的结果：{report.shapes}",
        )
    if report.flops != {"": 0, "0": 0, "1": 0, "2": 12}:
        fail(
            f"Per token the linear layer takes 2 × 3 × 2 = 12 FLOPs; yours: {report.flops}",
            f"每个 token 在线性层上花 2 × 3 × 2 = 12 FLOPs；你的结果：{report.flops}",
        )
    if report.output_bytes != {"": 8, "0": 12, "1": 20, "2": 8}:
        fail(
            f"Per token and in float32 the ReLU wrote 3 and then 2 numbers: 20 bytes; yours: {report.output_bytes}",
            f"按 float32、每个 token 计，ReLU 先后写了 3 个数和 2 个数，共 20 字节；你的结果：{report.output_bytes}",
        )


@case("explore", en="the report: a module that returns its input", zh="报告：原样返回输入的模块")
def output_that_is_the_input(student: Any) -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5))
    report = student.explore(model, torch.zeros(4, 5, 3))
    if report.output_bytes != {"": 8, "0": 8, "1": 8}:
        fail(
            "In eval mode Dropout returns the very tensor that it gets. Each module counts its whole output all the same: "
            f"8 bytes per token, three times; yours: {report.output_bytes}",
            "在 eval 模式下，Dropout 原样返回收到的张量。每个模块仍要计入自己的全部输出："
            f"每个 token 8 字节，共三处；你的结果：{report.output_bytes}",
        )


@case("explore", en="hooks and modes afterwards", zh="运行之后的钩子与模式")
def nothing_stays(student: Any) -> None:
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(3, 2)).train()
    model[1].eval()  # as one freezes a part
    modes = [module.training for module in model.modules()]
    for width in (3, 4):  # 4 does not fit
        with suppress(RuntimeError):
            student.explore(model, torch.zeros(4, 5, width))
        if any(module._forward_hooks for module in model.modules()):
            fail(
                f"A hook was left behind{' when the forward pass raised' if width == 4 else ''}.",
                f"{'前向中途抛异常时，' if width == 4 else ''}有钩子没取下来。",
            )
        if [module.training for module in model.modules()] != modes:
            fail(
                "Each module should be in its own mode again: here the model in train mode, its Linear in eval mode.",
                "每个模块都应回到自己原来的模式：这里模型处于 train 模式，而其中的 Linear 处于 eval 模式。",
            )


@case("explore", en="attention and cache of a config", zh="某个 config 的注意力与缓存")
def sizes_of_a_config(student: Any) -> None:
    from transformers import MixtralConfig

    sizes = {"num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 3, "hidden_size": 24}
    config = MixtralConfig(**sizes)  # its head_dim is None
    found = tuple(student.attention_shape(config))
    if found != (2, 6, 3, 4):
        fail(
            f"2 layers, 6 query heads, 3 key heads; head_dim is None, so 24 / 6 = 4 numbers each; yours: {found}",
            f"2 层、6 个查询头、3 个键头；head_dim 为 None 时，每个头的大小为 24 / 6 = 4；你的结果：{found}",
        )
    if tuple(student.attention_shape(MixtralConfig(**sizes, head_dim=6))) != (2, 6, 3, 6):
        fail(
            "Where the config has a head_dim of 6, that should be the size of a head.",
            "config 里 head_dim 为 6 时，头的大小应为 6。",
        )
    if student.attention_flops(config, 10) != 1920:
        fail(
            "4 · layers · heads · D · keys = 4 · 2 · 6 · 4 · 10 = 1,920 FLOPs.",
            "4 · 层数 · 头数 · D · 键数 = 4 · 2 · 6 · 4 · 10 = 1,920 FLOPs。",
        )
    if student.kv_cache_bytes(config, torch.bfloat16) != 96:
        fail(
            "2 · layers · key heads · D · 2 bytes = 2 · 2 · 3 · 4 · 2 = 96 bytes.",
            "2 · 层数 · 键头数 · D · 2 字节 = 2 · 2 · 3 · 4 · 2 = 96 字节。",
        )
