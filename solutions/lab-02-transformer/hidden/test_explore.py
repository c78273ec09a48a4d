"""Hidden tests of lab 02, explore. The references are closed formulas for models built layer by layer, hooks in this process,
PyTorch's FlopCounterMode (which counts operations, not modules) and the cache that Hugging Face's models really fill.

All that is compared is counts. The reference equals the expected numbers to the last bit under 10 secrets; the default tolerance of
`expect.close` (1e-5 absolute plus 1e-5 relative) leaves room for another order of adding and dividing, and is far below any miscount.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from autograder.grading import expect
from autograder.grading.student import Handle, Student
from labkit.i18n import Bilingual

Rng = np.random.Generator

SHAPE_TYPE = Bilingual("attention_shape should be a tuple", "attention_shape 应当是元组")


def normal(rng: Rng, *shape: int) -> Tensor:
    """Standard normal values, float32."""
    return torch.from_numpy(rng.standard_normal(shape)).float()


def code(name: str) -> Bilingual:
    """A name of the code, the same in both languages."""
    return Bilingual(name, name)


def has_paths(found: Any, paths: Iterable[str], what: Bilingual) -> None:
    """A dict must have exactly these paths, in this order."""
    by_path = Bilingual(f"{what.en} should be a dict by path", f"{what.zh} 应当是以路径为键的字典")
    expect.that(isinstance(found, dict), by_path)
    expect.equal([*found], [*paths], Bilingual(f"the list of paths of {what.en}", f"{what.zh} 的路径列表"))


def numbers(found: Any, paths: Iterable[str], what: Bilingual) -> Tensor:
    """The values of a dict that must have exactly these paths, in this order."""
    has_paths(found, paths, what)
    whole = all(isinstance(number, (int, float)) and not isinstance(number, bool) for number in found.values())
    message = Bilingual(f"{what.en} should hold a number for each path", f"{what.zh} 里，每个路径应当对应一个数")
    expect.that(whole, message)
    return torch.tensor([float(number) for number in found.values()], dtype=torch.float64)


def same_numbers(found: Any, expected: dict[str, float], what: Bilingual) -> None:
    expect.close(numbers(found, expected, what), torch.tensor([*expected.values()], dtype=torch.float64), what)


def reported(report: Any) -> Handle:
    """A student's Report, which stays in the sandbox."""
    expect.that(isinstance(report, Handle), Bilingual("explore should return a Report", "explore 应当返回 Report"))
    return report


# --- models, in the sandbox and here --------------------------------------------------------------------------------


def linear(student: Student, *args: Any, **options: Any) -> Handle:
    return student.new("torch.nn:Linear", *args, **options)


def chain(student: Student, *layers: Handle) -> Handle:
    return student.new("torch.nn:Sequential", *layers)


def llama_settings(rng: Rng, tied: bool) -> dict[str, Any]:
    """A Llama of 5 query heads of 6, which are not as wide as the model, sharing one head of keys."""
    return {
        "vocab_size": int(rng.integers(61, 79)), "hidden_size": 20, "intermediate_size": 34, "num_hidden_layers": 3,
        "num_attention_heads": 5, "num_key_value_heads": 1, "head_dim": 6, "tie_word_embeddings": tied,
        "attn_implementation": "eager", "pad_token_id": 0,
    }  # fmt: skip


def gpt2_settings(rng: Rng) -> dict[str, Any]:
    return {
        "vocab_size": int(rng.integers(61, 79)), "n_embd": 21, "n_head": 3, "n_layer": 2, "n_positions": 19,
        "attn_implementation": "eager", "bos_token_id": 0, "eos_token_id": 0,
    }  # fmt: skip


def llama_there(student: Student, settings: dict[str, Any]) -> tuple[Handle, Handle]:
    """The config and the model, in the sandbox."""
    config = student.new("transformers:LlamaConfig", **settings)
    return config, student.new("transformers:LlamaForCausalLM", config)


def gpt2_there(student: Student, settings: dict[str, Any]) -> tuple[Handle, Handle]:
    config = student.new("transformers:GPT2Config", **settings)
    return config, student.new("transformers:GPT2LMHeadModel", config)


def llama_here(settings: dict[str, Any]) -> LlamaForCausalLM:
    return LlamaForCausalLM(LlamaConfig(**settings)).eval()


def gpt2_here(settings: dict[str, Any]) -> GPT2LMHeadModel:
    return GPT2LMHeadModel(GPT2Config(**settings)).eval()


def counted_here(model: nn.Module, ids: Tensor, **options: Any) -> tuple[float, float]:
    """FLOPs per token by PyTorch's counter: those of products with weights, and those of attention (batched products)."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(ids, use_cache=False, **options)
    counts = {str(operation): number for operation, number in counter.get_flop_counts()["Global"].items()}
    attention = sum(number for operation, number in counts.items() if "bmm" in operation)
    return (sum(counts.values()) - attention) / ids.numel(), attention / ids.numel()


# --- the tests ------------------------------------------------------------------------------------------------------


@pytest.mark.problem(
    "explore",
    points=2,
    rests_on=[
        'For each path of model.named_modules(), in that order ("" is the model): the number of entries in the '
        "parameters of this very module, without its children's. A tensor that several modules share counts for the "
        "first of them only. Biases and frozen parameters count, buffers do not. So the values sum to the number of "
        "the model's parameters.",
        "parameters: own_parameters(model).",
    ],
    hint={
        "en": "own_parameters does not give every parameter once, at the module that it hangs on. Does the sum over all paths equal the number of parameters? Think of "
        "children, biases, frozen layers, buffers, and of one tensor at two places.",
        "zh": "own_parameters 没有做到每个参数只在它所挂的模块上数一次。所有路径加起来等于参数总数吗？想想子模块、偏置、冻结的层、缓冲区，以及同时出现在两处的同一个张量。",
    },
)
def test_every_parameter_is_counted_once(student, rng):
    d = int(rng.integers(5, 9))
    frozen = linear(student, 4, 3, bias=False)
    frozen.requires_grad_(False)
    inner = chain(student, student.new("torch.nn:BatchNorm1d", d), linear(student, d, 4), frozen)
    model = chain(student, linear(student, 7, d), student.new("torch.nn:ReLU"), inner)
    expected = {"": 0, "0": 8 * d, "1": 0, "2": 0, "2.0": 2 * d, "2.1": 4 * d + 4, "2.2": 12}
    same_numbers(student.own_parameters(model), expected, code("own_parameters"))

    for tied in (True, False):
        settings = llama_settings(rng, tied)
        _, there = llama_there(student, settings)
        here = llama_here(settings)
        own = student.own_parameters(there)
        of_llama = Bilingual("own_parameters of a Llama", "Llama 的 own_parameters")
        counts = numbers(own, [path for path, _ in here.named_modules()], of_llama)
        total = sum(parameter.numel() for parameter in here.parameters())
        what = Bilingual("the sum of own_parameters over a Llama", "Llama 的 own_parameters 之和")
        expect.equal(int(counts.sum()), total, what)
        head = 0 if tied else settings["vocab_size"] * 20
        expect.equal(int(own["lm_head"]), head, what=Bilingual("own_parameters of the head", "输出头的 own_parameters"))
        report = reported(student.explore(there, torch.ones(2, 5, dtype=torch.int64)))
        what = Bilingual("parameters of a report", "报告里的 parameters")
        same_numbers(report.get("parameters"), {path: float(number) for path, number in own.items()}, what)


@pytest.mark.problem(
    "explore",
    points=1,
    rests_on=[
        'Sums numbers over subtrees: each module\'s own and those of everything below it. "h.10" is below "h" and '
        'below "" (the model), but not below "h.1"; "head" is not below "h".',
        "The sums, for the same paths in the same order.",
    ],
    hint={
        "en": "subtotals adds to each path its own number and those of all paths below. Is `h.10` below `h.1`? Does a module two levels down count?",
        "zh": "subtotals 对每个路径，加上它自己的数和它下面所有路径的数。`h.10` 在 `h.1` 下面吗？再往下两层的模块算进去了吗？",
    },
)
def test_subtotals_of_a_tree(student, rng):
    names = ["", "h", "h.1", "h.1.mlp", "h.1.mlp.up", "h.1.norm", "h.10", "h.10.mlp", "h.10.mlp.up", "head", "h2"]
    own = {name: int(number) for name, number in zip(names, rng.integers(1, 1000, len(names)), strict=True)}
    parts = {name: name.split(".") if name else [] for name in names}
    expected = {
        name: float(sum(number for other, number in own.items() if parts[other][: len(parts[name])] == parts[name]))
        for name in names
    }
    same_numbers(student.subtotals(own), expected, code("subtotals"))


@pytest.mark.problem(
    "explore",
    points=1,
    rests_on=[
        "Each field is a dict by path, in the order of model.named_modules(). kinds: the name of the module's class.",
        "shapes: the shapes of its outputs, one for each run, in order; an empty list if it never ran.",
        "output_bytes: per token, the bytes of its outputs, summed over its runs. The size of a number is that of "
        "the output's dtype. Every module counts its whole output, also where it is the very tensor that another "
        "module gave",
        'inputs: (B, T, ...), token ids or vectors. "Per token" divides by B * T',
        "in eval mode, no gradients.",
    ],
    hint={
        "en": "The report should have every path of named_modules(), with the shape of the output for each time that the module ran, in order, and an empty list if it never "
        "did. output_bytes adds the outputs of all runs, per token of the inputs (B, T, ...).",
        "zh": "报告里应有 named_modules() 的每个路径，模块每运行一次就按顺序记一个输出形状，从未运行的是空列表。output_bytes 把各次运行的输出加在一起，再除以输入 (B, T, ...) 的 token 数。",
    },
)
def test_shapes_and_memory_of_every_run(student, rng):
    batch, length = int(rng.integers(2, 4)), int(rng.integers(5, 8))
    twice = student.new("torch.nn:GELU")
    pool = student.new("torch.nn:AvgPool1d", 2)  # halves the last axis
    unused = student.new("torch.nn:ModuleList", [student.new("torch.nn:Tanh")])
    pool.add_module("spare", unused)  # which its forward does not know
    model = chain(student, twice, pool, twice, chain(student, student.new("torch.nn:Dropout", 0.5)))
    for dtype, size in ((torch.float32, 4), (torch.float64, 8)):
        x = normal(rng, batch, length, 12).to(dtype)
        report = reported(student.explore(model, x))
        kinds = {"": "Sequential", "0": "GELU", "1": "AvgPool1d", "1.spare": "ModuleList", "1.spare.0": "Tanh"}
        expect.equal(report.get("kinds"), kinds | {"3": "Sequential", "3.0": "Dropout"}, what="kinds")
        wide, narrow = (batch, length, 12), (batch, length, 6)
        expected: dict[str, list[tuple[int, ...]]] = {
            "": [narrow], "0": [wide, narrow], "1": [narrow], "1.spare": [], "1.spare.0": [], "3": [narrow], "3.0": [narrow],
        }  # fmt: skip
        shapes = report.get("shapes")
        has_paths(shapes, expected, code("shapes"))
        for path, found in shapes.items():
            message = Bilingual("shapes should hold a list for each path", "shapes 里，每个路径应当对应一个列表")
            expect.that(isinstance(found, list), message)
            what = Bilingual(f"the list of shapes of {path!r}", f"{path!r} 的形状列表")
            expect.equal([tuple(shape) for shape in found], expected[path], what)
        bytes_here = {path: sum(shape[-1] for shape in runs) * float(size) for path, runs in expected.items()}
        same_numbers(report.get("output_bytes"), bytes_here, code("output_bytes"))


@pytest.mark.problem(
    "explore",
    points=2,
    rests_on=[
        "For nn.Linear and Conv1D 2 * in * out for each vector of the output, also where the weight is tied; the "
        "addition of a bias is not counted. 0 for every other module.",
        "output: (..., out), what it gave: any number of axes before the last, or none.",
        "def layer_flops(module: nn.Module, output: Tensor) -> int:",
        "flops: per token, of the module itself: the sum of layer_flops over its runs; 0 if it never ran.",
        '"Per token" divides by B * T, also for a module that saw fewer tokens (a head that computes the last logits '
        "only).",
        "options: further arguments of the forward pass.",
    ],
    hint={
        "en": "2 * in * out for each vector that goes through nn.Linear or Conv1D, nothing else: what does an embedding multiply, and how many vectors are in (B, T, out)? In a report everything is "
        "divided by all B * T tokens; a tied head computes like any other.",
        "zh": "每个经过 nn.Linear 或 Conv1D 的向量算 2 * in * out，其余都不算：嵌入乘了什么？(B, T, out) 里有多少个向量？报告中要除以全部 B * T 个 token；共享权重的输出头照样要计算。",
    },
)
def test_flops_of_layers_and_models(student, rng):
    batch, length = int(rng.integers(2, 4)), int(rng.integers(5, 8))
    layer = linear(student, 7, 5)
    expect.equal(student.layer_flops(layer, normal(rng, batch, length, 5)), 70 * batch * length, what="layer_flops")
    what = Bilingual("layer_flops of a single vector", "单个向量的 layer_flops")
    expect.equal(student.layer_flops(layer, normal(rng, 5)), 70, what)
    conv = student.new("transformers.pytorch_utils:Conv1D", 9, 4)
    what = Bilingual("layer_flops of Conv1D", "Conv1D 的 layer_flops")
    expect.equal(student.layer_flops(conv, normal(rng, 3, 9)), 216, what)
    for other, output in (
        (student.new("torch.nn:Embedding", 11, 6), normal(rng, batch, length, 6)),
        (student.new("torch.nn:LayerNorm", 6), normal(rng, batch, length, 6)),
    ):
        what = Bilingual(f"layer_flops of {other.type}", f"{other.type} 的 layer_flops")
        expect.equal(student.layer_flops(other, output), 0, what)

    for make_there, make_here, settings in (
        (llama_there, llama_here, llama_settings(rng, tied=True)),
        (gpt2_there, gpt2_here, gpt2_settings(rng)),
    ):
        _, there = make_there(student, settings)
        here = make_here(settings)
        ids = torch.from_numpy(rng.integers(1, settings["vocab_size"], (batch, length)))
        for options in ({}, {"logits_to_keep": 1}):  # the head on all tokens, then on the last of each text only
            flops = reported(student.explore(there, ids, **options)).get("flops")
            counts = numbers(flops, [path for path, _ in here.named_modules()], code("flops"))
            expected, _ = counted_here(here, ids, **options)
            what = Bilingual("the sum of flops over a model", "整个模型的 flops 之和")
            expect.close(float(counts.sum()), expected, what)
            message = Bilingual("the head multiplies each vector by a matrix", "输出头要让每个向量乘一个矩阵")
            expect.that(flops["lm_head"] > 0, message)


def left_as_it_was(model: Handle, modes: dict[str, bool], when: Bilingual) -> None:
    """No module has a hook, and each has the mode that it should have. Fetched as numbers, by which diagnosis can tell cases apart."""
    for path, mode in modes.items():
        inside = f"{path}." if path else ""
        for kind in ("_forward_hooks", "_forward_pre_hooks"):
            what = Bilingual(f"the number of hooks left {when.en}", f"{when.zh}留下的钩子数")
            expect.equal(model.get(f"{inside}{kind}.__len__")(), 0, what)
        training = model.get(f"{inside}training.__int__")()
        message = Bilingual(f"a module is no longer in its own mode {when.en}", f"{when.zh}，有模块不在自己原来的模式")
        expect.that(training == mode, message)


@pytest.mark.problem(
    "explore",
    points=1,
    rests_on=[
        "no hook stays, and each module is in the mode that it was in. If its forward pass raises, so does explore, "
        "with the same exception, and the model is left as it was all the same.",
        "in eval mode, no gradients.",
    ],
    hint={
        "en": "After explore the model is not as before. Is every hook removed, even when the forward pass raises? Is each module in its own mode again? And did BatchNorm, in train "
        "mode, learn from the inputs?",
        "zh": "explore 之后，模型和原来不一样了。每个钩子都取下了吗，前向中途抛异常时也一样吗？每个模块都回到自己原来的模式了吗？处于 train 模式的 BatchNorm 有没有把输入学进去？",
    },
)
def test_the_model_is_left_as_it_was(student, rng):
    norm, frozen = (student.new("torch.nn:BatchNorm1d", 5) for _ in range(2))
    model = chain(student, norm, chain(student, frozen, student.new("torch.nn:Dropout", 0.5)))
    modes = {"": True, "0": True, "1": True, "1.0": False, "1.1": True}
    frozen.eval()
    x = normal(rng, 3, 5, 7)
    reported(student.explore(model, x))
    left_as_it_was(model, modes, Bilingual("after explore", "explore 之后"))
    what = Bilingual(
        "running_mean of a BatchNorm in train mode after explore",
        "explore 之后，train 模式的 BatchNorm 的 running_mean",
    )
    expect.close(norm.get("running_mean"), torch.zeros(5), what)
    what = Bilingual("explore of a model whose forward pass raises", "前向传播抛出异常时的 explore")
    unfit = normal(rng, 3, 4, 7)  # 4 channels where 5 are wanted
    expect.refused(lambda: student.explore(model, unfit), what, "RuntimeError")
    left_as_it_was(model, modes, Bilingual("after a forward pass that raised", "前向传播抛出异常之后"))


def cache_bytes_here(model: LlamaForCausalLM | GPT2LMHeadModel, dtype: torch.dtype) -> int:
    """What the cache of one token takes when the model runs in this dtype."""
    cache = model.to(dtype)(torch.tensor([[3, 1, 2]]), use_cache=True).past_key_values
    return sum(x.numel() * x.element_size() for layer in cache.layers for x in (layer.keys, layer.values)) // 3


@pytest.mark.problem(
    "explore",
    points=2,
    rests_on=[
        "(n_layers, n_heads, n_kv_heads, d_head) of a Hugging Face config.",
        "Where num_key_value_heads is missing or None, there are as many key-value heads as query heads. Where "
        "head_dim is missing or None, it is hidden_size // num_attention_heads; where it is given, it counts.",
        "FLOPs of attention's two matrix products, in all layers, for one token that sees n_keys keys.",
        r"\mathrm{FLOPs}_\text{attention}(n) = 4 \cdot L \cdot H \cdot D \cdot n",
        "Bytes that the keys and values of one token take in the cache, in all layers, stored as `dtype`.",
    ],
    hint={
        "en": "Sizes, attention FLOPs or cache bytes of a config are wrong. Which heads are there twice, and which are shared? Who has head_dim, who has not, and where is it None? Two products, each with "
        "a multiplication and an addition; keys and values, each in the bytes of the dtype.",
        "zh": "根据配置算出的尺寸、注意力 FLOPs 或缓存字节数不对。哪些头是共享的，共享的是谁？哪个配置有 head_dim，哪个没有，哪个是 None？两个乘积，每个都有乘有加；键和值，各按 dtype 的字节数。",
    },
)
def test_attention_and_cache_of_a_config(student, rng):
    cases: tuple[tuple[Callable, Callable, dict, tuple], ...] = (
        (llama_there, llama_here, llama_settings(rng, tied=False), (3, 5, 1, 6)),
        (gpt2_there, gpt2_here, gpt2_settings(rng), (2, 3, 3, 7)),
    )
    for make_there, make_here, settings, shape in cases:
        config, _ = make_there(student, settings)
        found = student.attention_shape(config)
        expect.that(isinstance(found, (list, tuple)), SHAPE_TYPE)
        expect.equal(tuple(found), shape, what="attention_shape")
        here = make_here(settings)
        for length in (11, 4):
            ids = torch.from_numpy(rng.integers(1, settings["vocab_size"], (2, length)))
            _, expected = counted_here(here, ids)
            expect.close(student.attention_flops(config, length), expected, what="attention_flops")
        for dtype in (torch.bfloat16, torch.float32):
            expect.close(student.kv_cache_bytes(config, dtype), cache_bytes_here(here, dtype), what="kv_cache_bytes")
    heads, width = int(rng.integers(3, 6)), 2 * int(rng.integers(3, 6))  # Mixtral's RoPE needs an even width
    settings = {"num_attention_heads": heads, "num_key_value_heads": 1, "num_hidden_layers": 2}
    config = student.new("transformers:MixtralConfig", hidden_size=heads * width, **settings)  # its head_dim is None
    found = student.attention_shape(config)
    expect.that(isinstance(found, (list, tuple)), SHAPE_TYPE)
    expect.equal(tuple(found), (2, heads, 1, width), what="attention_shape")
