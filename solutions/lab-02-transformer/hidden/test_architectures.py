"""Hidden tests of lab 02, architectures. The references are a loop over tokens and experts in float64, and tiny Hugging Face models of
each family with random parameters, run here; what crosses to the sandbox is their state dict.

Tolerances were measured over 10 secrets. Layers differ from float64 by at most 0.13 of the default of `expect.close` (1e-5 absolute
plus 1e-5 relative), and their gradients by 1.7e-5 in values up to 70 (allowed: 1e-4 plus 1e-5 relative). Logits differ from Hugging
Face's by at most 3.3e-6, their gradients by 2e-6.
"""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    PretrainedConfig,
    PreTrainedModel,
)

from autograder.grading import expect
from autograder.grading.student import Handle, Student
from labkit.i18n import Bilingual

Rng = np.random.Generator
State = dict[str, Tensor]

LOGITS, GRADIENTS = 3e-5, 1e-4
OUTPUT = Bilingual("the output", "输出")


def normal(rng: Rng, *shape: int) -> Tensor:
    """Standard normal values, float32."""
    return torch.from_numpy(rng.standard_normal(shape)).float()


def gradient_for(name: str) -> Bilingual:
    return Bilingual(f"the gradient for {name}", f"{name} 的梯度")


def logits_of(model: str) -> Bilingual:
    return Bilingual(f"the logits of {model}", f"{model} 的 logits")


# --- 6. moe ---------------------------------------------------------------------------------------------------------


def swiglu_state(rng: Rng, d_model: int, d_ff: int) -> State:
    shapes = {"gate_proj": (d_ff, d_model), "up_proj": (d_ff, d_model), "down_proj": (d_model, d_ff)}
    return {f"{name}.weight": normal(rng, *shape) / shape[1] ** 0.5 for name, shape in shapes.items()}


def swiglu_here(x: Tensor, state: State, prefix: str = "") -> Tensor:
    gate, up, down = (state[f"{prefix}{name}_proj.weight"] for name in ("gate", "up", "down"))
    gated = x @ gate.T
    return (gated / (1 + torch.exp(-gated)) * (x @ up.T)) @ down.T


@pytest.mark.problem(
    "moe",
    points=2,
    rests_on=[
        "down_proj(silu(gate_proj(x)) * up_proj(x)), on each token alone; no projection has a bias.",
        r"\mathrm{silu}(z) = z\,\sigma(z)",
        "gate_proj, up_proj: nn.Linear(d_model, d_ff). down_proj: nn.Linear(d_ff, d_model).",
        "(..., d_model) -> (..., d_model), differentiable in x and in all parameters.",
    ],
    hint={
        "en": "SwiGLU differs from down_proj(silu(gate_proj(x)) * up_proj(x)), in its values or its gradients. Which of the two goes through SiLU, and is SiLU z * sigmoid(z)? None of the three has a bias.",
        "zh": "SwiGLU 的输出或梯度与 down_proj(silu(gate_proj(x)) * up_proj(x)) 不同。两路中哪一路要过 SiLU？SiLU 是 z * sigmoid(z) 吗？三个投影都没有偏置。",
    },
)
def test_swiglu_agrees_with_the_formula(student, rng):
    state = swiglu_state(rng, 11, 14)
    layer = student.SwiGLU(11, 14)
    layer.load_state_dict(state)
    x, cotangent = 2 * normal(rng, 3, 7, 11), normal(rng, 3, 7, 11)
    output, [grad] = student.vjp(layer, [x], cotangent)
    doubles = {name: value.double().requires_grad_() for name, value in state.items()}
    leaf = x.double().requires_grad_()
    expected = swiglu_here(leaf, doubles)
    expected.backward(cotangent.double())
    expect.close(output, expected.detach(), what="SwiGLU(x)")
    expect.close(grad, leaf.grad, what=gradient_for("x"))
    found = layer.grads()
    for name, double in doubles.items():
        expect.close(found.get(name), double.grad, what=gradient_for(name), atol=1e-4)


class Mixture:
    """A student's MoELayer with known parameters, and what it should compute, in float64."""

    def __init__(self, student: Student, rng: Rng, n_experts: int, top_k: int) -> None:
        self.n_experts, self.top_k = n_experts, top_k
        self.state: State = {"router.weight": normal(rng, n_experts, 11)}
        for number in range(n_experts):
            own = swiglu_state(rng, 11, 14)
            self.state |= {f"experts.{number}.{name}": value for name, value in own.items()}
        self.layer: Handle = student.MoELayer(11, 14, n_experts, top_k)
        self.load(self.state)

    def load(self, state: State) -> None:
        self.layer.load_state_dict(state)
        self.doubles = {name: value.double().requires_grad_() for name, value in state.items()}

    def expert(self, number: int, x: Tensor) -> Tensor:
        return swiglu_here(x, self.doubles, f"experts.{number}.")

    def weights_here(self, token: Tensor) -> dict[int, Tensor]:
        """The chosen experts of one token (d_model,) with their weights."""
        scores = self.doubles["router.weight"] @ token
        best = sorted(range(self.n_experts), key=lambda number: -scores[number].item())[: self.top_k]
        total = sum(scores[number].exp() for number in best)
        return {number: scores[number].exp() / total for number in best}

    def here(self, x: Tensor) -> Tensor:
        """Token by token."""
        rows = []
        for token in x.double().flatten(0, -2):
            rows.append(sum(weight * self.expert(number, token) for number, weight in self.weights_here(token).items()))
        return torch.stack(rows).view_as(x)


@pytest.mark.problem(
    "moe",
    points=2,
    rests_on=[
        r"Let $\mathcal T$ be the $k$ experts with the highest scores $s_i = (W_r\,x)_i$",
        "The weights (..., top_k): the softmax of the chosen experts' scores",
        "Then the indices of these experts (..., top_k), int64, all different.",
        "x: (..., d_model).",
        "router: nn.Linear(d_model, n_experts) without bias",
    ],
    hint={
        "en": "route(x) gives for each token the top_k experts of the highest scores, and as weights the softmax of THESE scores: the weights of a token sum to 1. Both have the shape (..., top_k).",
        "zh": "route(x) 给出每个 token 得分最高的 top_k 个专家，权重是选中的这几个得分的 softmax：一个 token 的权重之和为 1。两者的形状都是 (..., top_k)。",
    },
)
def test_the_router_picks_and_weighs(student, rng):
    for n_experts, top_k, shape in ((5, 2, (3, 7)), (7, 3, (9,))):
        mixture = Mixture(student, rng, n_experts, top_k)
        x = normal(rng, *shape, 11)
        weights, chosen = mixture.layer.route(x)
        expect.tensor(weights, (*shape, top_k), what=Bilingual("the weights", "权重"))
        expect.tensor(chosen, (*shape, top_k), torch.int64, Bilingual("the chosen experts", "选中的专家"))
        exist = bool(((chosen >= 0) & (chosen < n_experts)).all())
        expect.that(exist, Bilingual("a chosen expert does not exist", "选中了不存在的专家"))
        found = torch.zeros(*shape, n_experts).scatter_add(-1, chosen, weights.float())
        expected = torch.zeros(*shape, n_experts, dtype=torch.float64)
        with torch.no_grad():
            for place in np.ndindex(shape):
                for number, weight in mixture.weights_here(x[place].double()).items():
                    expected[(*place, number)] = weight
        expect.close(found, expected, what=Bilingual("the weights of the experts", "各专家的权重"))


@pytest.mark.problem(
    "moe",
    points=3,
    rests_on=[
        "the output is their weighted sum.",
        r"\mathrm{MoE}(x) = \sum_{i \in \mathcal T} w_i\, E_i(x)",
        "The softmax runs over the **chosen** scores only, so the weights of a token sum to 1.",
        "router: nn.Linear(d_model, n_experts) without bias",
        "experts: nn.ModuleList of SwiGLU(d_model, d_ff).",
    ],
    hint={
        "en": "The output differs from going token by token: the experts that a token has chosen, each times its weight for this token, added up.",
        "zh": "输出与逐个 token 计算的结果不同：取该 token 选中的专家，各乘以它对这个 token 的权重，再相加。",
    },
)
def test_output_is_the_weighted_sum_of_the_chosen(student, rng):
    for n_experts, top_k, shape in ((5, 2, (3, 7)), (4, 1, (2, 5)), (3, 3, (1, 5)), (5, 2, (1, 1))):
        mixture = Mixture(student, rng, n_experts, top_k)
        x = normal(rng, *shape, 11)
        with torch.no_grad():
            expected = mixture.here(x)
        what = Bilingual(
            f"the output of MoELayer with {n_experts} experts, top {top_k}",
            f"{n_experts} 个专家选 {top_k} 个时 MoELayer 的输出",
        )
        expect.close(mixture.layer(x), expected, what)


@pytest.mark.problem(
    "moe",
    points=1,
    rests_on=[
        "Where scores are equal, any of them may be chosen, but never more than top_k.",
        "The softmax runs over the **chosen** scores only, so the weights of a token sum to 1.",
        "(..., d_model) -> (..., d_model)",
    ],
    hint={
        "en": "Some experts have exactly equal scores. A token goes to top_k of them all the same, never to more.",
        "zh": "有几个专家的得分完全相等。即便如此，一个 token 也只去 top_k 个，不会更多。",
    },
)
def test_equal_scores_choose_no_more_than_top_k(student, rng):
    mixture = Mixture(student, rng, 5, 1)
    direction = normal(rng, 11)
    # Scores are -s, s, -s, s, -s for an s > 0.5: experts 1 and 3 are the best, and equal to the bit.
    signs = torch.tensor([-1.0, 1.0, -1.0, 1.0, -1.0])
    mixture.load(mixture.state | {"router.weight": signs[:, None] * direction})
    x = normal(rng, 7, 11)
    x = x + (1 + normal(rng, 7).abs() - x @ direction)[:, None] * direction / direction.square().sum()
    output = expect.tensor(mixture.layer(x[None]), (1, 7, 11), what=OUTPUT)[0].double()
    with torch.no_grad():
        allowed = torch.stack([mixture.expert(number, x.double()) for number in (1, 3)])
    nearest = (output - allowed).abs().amax(-1).amin(0)  # NaN stays NaN
    message = Bilingual(
        "with top_k = 1, each token's output should be that of one expert",
        "top_k = 1 时，每个 token 的输出应当就是某一个专家的输出",
    )
    expect.that(bool((nearest < 1e-4).all()), message)


@pytest.mark.problem(
    "moe",
    points=1,
    rests_on=[
        "An expert computes the tokens that have chosen it: all of them, and no others. So the weights of an expert "
        "that no token has chosen play no part, even if they are NaN.",
        "The softmax runs over the **chosen** scores only, so the weights of a token sum to 1.",
    ],
    hint={
        "en": "All tokens choose the same expert. It computes every one of them (no token is dropped), and the other experts compute nothing: whatever their weights are, NaN included, must not matter.",
        "zh": "所有 token 都选了同一个专家。它要把每一个都算完（不丢弃任何 token），而其余专家什么也不算：它们的权重是什么都无所谓，哪怕是 NaN。",
    },
)
def test_an_expert_computes_all_its_tokens_and_no_others(student, rng):
    mixture = Mixture(student, rng, 5, 1)
    busy = int(rng.integers(5))
    router = -torch.ones(5, 11)
    router[busy] = 1.0
    idle = {
        name: torch.full_like(value, math.nan)
        for name, value in mixture.state.items()
        if name.startswith("experts.") and not name.startswith(f"experts.{busy}.")
    }
    mixture.load(mixture.state | idle | {"router.weight": router})
    x = 1 + normal(rng, 3, 7, 11).abs()  # scores of 11 at least, and of -11 at most: no weight of others in float32
    with torch.no_grad():
        expected = mixture.expert(busy, x.double())
    what = Bilingual("the output where all tokens choose one expert", "所有 token 都选同一个专家时的输出")
    expect.close(mixture.layer(x), expected, what)


@pytest.mark.problem(
    "moe",
    points=1,
    rests_on=[
        "(..., d_model) -> (..., d_model), differentiable in x and in all parameters.",
        r"\mathrm{MoE}(x) = \sum_{i \in \mathcal T} w_i\, E_i(x)",
        "The softmax runs over the **chosen** scores only, so the weights of a token sum to 1.",
    ],
    hint={
        "en": "Some gradient is wrong or missing. The router learns through the weights; an expert learns from its own tokens, each times its weight.",
        "zh": "有梯度不对或缺失。路由器通过权重来学习；专家则从自己的 token 学习，每个都要乘以对应的权重。",
    },
)
def test_gradients_reach_router_and_experts(student, rng):
    mixture = Mixture(student, rng, 4, 2)
    x, cotangent = normal(rng, 3, 7, 11), normal(rng, 3, 7, 11)
    output, [grad] = student.vjp(mixture.layer, [x], cotangent)
    leaf = x.double().requires_grad_()
    expected = mixture.here(leaf)
    expected.backward(cotangent.double())
    expect.close(output, expected.detach(), what=OUTPUT)
    expect.close(grad, leaf.grad, what=gradient_for("x"), atol=1e-4)
    found = mixture.layer.grads()
    for name, double in mixture.doubles.items():
        expect.close(found.get(name), double.grad, what=gradient_for(name), atol=1e-4)


# --- 7. families ----------------------------------------------------------------------------------------------------


class Family:
    """A tiny Hugging Face model with parameters from `rng`, and a student's model that has loaded its state dict."""

    def __init__(
        self, student: Student, rng: Rng, name: str, theirs: type[PreTrainedModel], config: PretrainedConfig, **sizes
    ) -> None:
        config._attn_implementation = config._experts_implementation = "eager"  # the plain formulas
        self.here = theirs(config).eval()
        for key, parameter in self.here.named_parameters():
            if parameter.dim() == 1:
                values = 0.3 * normal(rng, *parameter.shape) + float(key.endswith("weight"))
            else:
                values = normal(rng, *parameter.shape) / parameter.shape[-1] ** 0.5
            parameter.data.copy_(values)
        self.model: Handle = getattr(student, name)(student.Config(**sizes))
        self.student = student

    def load(self, left_out: str = "") -> None:
        state = {key: value for key, value in self.here.state_dict().items() if key != left_out}
        self.student.load_hf_state_dict(self.model, state)

    def logits(self, ids: Tensor, **more: Tensor) -> Tensor:
        with torch.no_grad():
            return self.here(ids, **more).logits

    def backward(self, ids: Tensor, cotangent: Tensor, **more: Tensor) -> tuple[Tensor, State, State]:
        """The student's logits, the student's gradients, and those of `here` under Hugging Face's names."""
        logits, _ = self.student.vjp(self.model, [ids], cotangent, wrt=[], **more)
        found = self.model.grads()
        return logits, found, self.gradients_here(ids, cotangent)

    def gradients_here(self, ids: Tensor, cotangent: Tensor) -> State:
        self.here.zero_grad()
        self.here(ids).logits.backward(cotangent)
        return {name: parameter.grad for name, parameter in self.here.named_parameters()}


def check_gradients(found: State, expected: State) -> None:
    for name, gradient in expected.items():
        expect.close(found.get(name), gradient, what=gradient_for(name), atol=GRADIENTS)


def tokens(rng: Rng, *shape: int) -> Tensor:
    return torch.from_numpy(rng.integers(1, 37, shape))  # not 0: to BERT it is padding, without a gradient


def bert(student: Student, rng: Rng) -> Family:
    config = BertConfig(
        vocab_size=37, hidden_size=30, num_attention_heads=5, num_hidden_layers=2, intermediate_size=44,
        max_position_embeddings=13, type_vocab_size=3, layer_norm_eps=0.03,
    )  # fmt: skip
    sizes = {"vocab_size": 37, "d_model": 30, "n_heads": 5, "n_layers": 2, "d_ff": 44, "max_len": 13, "n_types": 3}
    family = Family(student, rng, "Bert", BertForMaskedLM, config, eps=0.03, **sizes)
    family.load()
    return family


@pytest.mark.problem(
    "families",
    points=3,
    rests_on=[
        "if a model that was trained elsewhere gives the same logits in your code, your code is the architecture.",
        "The parameters of a BertForMaskedLM under the names of this class. cls.predictions.decoder.* is left out",
        "Three embeddings are added (token, position, segment) and normed. Then come post-norm encoder layers",
        "token_embedding, position_embedding, type_embedding: nn.Embedding of vocab_size, max_len and n_types rows.",
        "layers: nn.ModuleList of transformer.EncoderLayer, post-norm, with the exact GELU (F.gelu).",
        "head_bias: nn.Parameter (vocab_size,).",
        "BERT's GELU is the exact one",
        "Every norm gets config.eps.",
        "the segment of each token; None: all of segment 0.",
        "head_norm(gelu(head_proj(x))) times the token embedding's matrix, plus head_bias. Differentiable in all "
        "parameters.",
    ],
    hint={
        "en": "Bert with the parameters of a tiny BertForMaskedLM gives other logits or gradients. Three embeddings are added and normalised; the layers are post-norm with the exact GELU and the config's eps; the head ends with the token embedding. If `sdpa`, `multi-head` or `norms` has lost points, mend that first.",
        "zh": "Bert 载入一个微型 BertForMaskedLM 的参数后，logits 或梯度不同。三种嵌入相加后要归一化；各层是 post-norm，用精确的 GELU 和配置里的 eps；输出头最后用的是 token 嵌入。如果 `sdpa`、`multi-head` 或 `norms` 丢了分，请先改好它们。",
    },
)
def test_bert_agrees_with_hugging_face(student, rng):
    family = bert(student, rng)
    ids, types = tokens(rng, 3, 9), torch.from_numpy(rng.integers(0, 3, (3, 9)))
    expect.close(family.model(ids), family.logits(ids), what=logits_of("Bert"), atol=LOGITS)
    expected = family.logits(ids, token_type_ids=types)
    what = Bilingual("the logits of Bert with type_ids", "给了 type_ids 时 Bert 的 logits")
    expect.close(family.model(ids, type_ids=types), expected, what, atol=LOGITS)
    _, found, theirs = family.backward(ids, normal(rng, 3, 9, 37) / 30)
    expected = {
        "token_embedding.weight": theirs["bert.embeddings.word_embeddings.weight"],
        "layers.0.attention.v_proj.weight": theirs["bert.encoder.layer.0.attention.self.value.weight"],
        "layers.1.feed_forward.down_proj.bias": theirs["bert.encoder.layer.1.output.dense.bias"],
        "head_bias": theirs["cls.predictions.bias"],
    }
    check_gradients(found, expected)


@pytest.mark.problem(
    "families",
    points=1,
    rests_on=[
        "attention_mask: (B, T) int64, 1 on tokens and 0 on padding, which no token may attend to",
        "Logits at padding may be anything.",
        "if a model that was trained elsewhere gives the same logits in your code, your code is the architecture.",
    ],
    hint={
        "en": "attention_mask is 0 on padding: no token of Bert may look there.",
        "zh": "attention_mask 在填充处为 0：Bert 的任何 token 都不能看那里。",
    },
)
def test_bert_does_not_attend_to_padding(student, rng):
    family = bert(student, rng)
    ids, mask = tokens(rng, 3, 9), (torch.arange(9) < torch.tensor([[9], [5], [7]])).long()
    logits = expect.tensor(family.model(ids, attention_mask=mask), (3, 9, 37), what=logits_of("Bert"))
    expected = family.logits(ids, attention_mask=mask)
    where = mask.bool()
    what = Bilingual("the logits of Bert with padding", "有填充时 Bert 的 logits")
    expect.close(logits[where], expected[where], what, atol=LOGITS)


@pytest.mark.problem(
    "families",
    points=3,
    rests_on=[
        "if a model that was trained elsewhere gives the same logits in your code, your code is the architecture.",
        "GPT-2: pre-norm, causal, learned positions. Every norm gets config.eps.",
        "token_embedding, position_embedding: nn.Embedding of vocab_size and max_len rows. layers: nn.ModuleList of "
        "transformer.EncoderLayer, pre-norm, with the tanh form of GELU.",
        "learned, added to the embedding",
        "norm: transformer.LayerNorm, after the last layer.",
        "The head is the token embedding's matrix.",
        "The matrices inside attn and mlp, also the square ones, are stored as (d_in, d_out) and must be transposed",
        "c_attn becomes q_proj, k_proj and v_proj, in this order: its matrix is transposed and split, its bias is "
        "split only. lm_head.weight is left out",
        "The logits are differentiable in all parameters.",
    ],
    hint={
        "en": "GPT2 with the parameters of a tiny GPT2LMHeadModel gives other logits or gradients. It is causal and pre-norm, with the tanh form of GELU and a last norm. Conv1D keeps every matrix, also the square ones, as (d_in, d_out); c_attn holds queries, keys and values in this order.",
        "zh": "GPT2 载入一个微型 GPT2LMHeadModel 的参数后，logits 或梯度不同。它是因果的、pre-norm，GELU 用 tanh 形式，最后还有一个归一化。Conv1D 的每个矩阵（方阵也不例外）都按 (d_in, d_out) 存放；c_attn 里依次是查询（query）、键（key）、值（value）。",
    },
)
def test_gpt2_agrees_with_hugging_face(student, rng):
    config = GPT2Config(
        vocab_size=37, n_embd=30, n_head=5, n_layer=2, n_inner=44, n_positions=13, layer_norm_epsilon=0.03,
        bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    sizes = {"vocab_size": 37, "d_model": 30, "n_heads": 5, "n_layers": 2, "d_ff": 44, "max_len": 13}
    family = Family(student, rng, "GPT2", GPT2LMHeadModel, config, eps=0.03, **sizes)
    family.load()
    ids = tokens(rng, 3, 9)
    expect.close(family.model(ids), family.logits(ids), what=logits_of("GPT2"), atol=LOGITS)
    _, found, theirs = family.backward(ids, normal(rng, 3, 9, 37) / 30)
    expected = {
        "token_embedding.weight": theirs["transformer.wte.weight"],
        "position_embedding.weight": theirs["transformer.wpe.weight"],
        "layers.1.attention.k_proj.weight": theirs["transformer.h.1.attn.c_attn.weight"].T[30:60],
        "layers.0.feed_forward.up_proj.weight": theirs["transformer.h.0.mlp.c_fc.weight"].T,
    }
    check_gradients(found, expected)


def llama(student: Student, rng: Rng) -> Family:
    config = LlamaConfig(
        vocab_size=37, hidden_size=36, num_attention_heads=6, num_key_value_heads=2, num_hidden_layers=2,
        intermediate_size=50, rms_norm_eps=0.03, rope_parameters={"rope_type": "default", "rope_theta": 300.0},
        tie_word_embeddings=False, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    sizes = {"vocab_size": 37, "d_model": 36, "n_heads": 6, "n_kv_heads": 2, "n_layers": 2, "d_ff": 50}
    family = Family(student, rng, "Llama", LlamaForCausalLM, config, eps=0.03, rope_base=300.0, **sizes)
    family.load()
    return family


@pytest.mark.problem(
    "families",
    points=3,
    rests_on=[
        "if a model that was trained elsewhere gives the same logits in your code, your code is the architecture.",
        "The parameters of a LlamaForCausalLM under the names of this class.",
        "x + attention(attention_norm(x)), then x + feed_forward(feed_forward_norm(x)).",
        "token_embedding: nn.Embedding. layers: nn.ModuleList of LlamaLayer.",
        "attention: attention.GroupedQueryAttention with config.rope_base. attention_norm, feed_forward_norm: "
        "transformer.RMSNorm with config.eps.",
        "norm: transformer.RMSNorm with config.eps, after the last layer.",
        "head: nn.Linear(d_model, vocab_size) without bias.",
        "The logits are differentiable in all parameters.",
    ],
    hint={
        "en": "Llama with the parameters of a tiny LlamaForCausalLM (head not tied) gives other logits or gradients. Do rope_base and eps come from the config? Which norm is Hugging Face's post_attention_layernorm, and does the stack end with one? If `sdpa`, `rope-gqa` or `norms` has lost points, mend that first.",
        "zh": "Llama 载入一个微型 LlamaForCausalLM（输出头不共享）的参数后，logits 或梯度不同。rope_base 和 eps 取自配置吗？Hugging Face 的 post_attention_layernorm 是哪一个归一化？最后一层之后还有归一化吗？如果 `sdpa`、`rope-gqa` 或 `norms` 丢了分，请先改好它们。",
    },
)
def test_llama_agrees_with_hugging_face(student, rng):
    family = llama(student, rng)
    ids = tokens(rng, 3, 9)
    expect.close(family.model(ids), family.logits(ids), what=logits_of("Llama"), atol=LOGITS)
    _, found, theirs = family.backward(ids, normal(rng, 3, 9, 37) / 30)
    expected = {
        "token_embedding.weight": theirs["model.embed_tokens.weight"],
        "head.weight": theirs["lm_head.weight"],
        "layers.0.attention.k_proj.weight": theirs["model.layers.0.self_attn.k_proj.weight"],
        "layers.1.feed_forward.gate_proj.weight": theirs["model.layers.1.mlp.gate_proj.weight"],
        "layers.0.feed_forward_norm.weight": theirs["model.layers.0.post_attention_layernorm.weight"],
    }
    check_gradients(found, expected)


@pytest.mark.problem(
    "families",
    points=1,
    rests_on="(B, T) int64 -> (B, T, vocab_size). A token sees itself and those before it",
    hint={
        "en": "Logits at t may depend on the tokens up to t only: change a later token, and the earlier logits must stay.",
        "zh": "位置 t 的 logits 只能依赖到 t 为止的 token：改动后面的 token，前面的 logits 必须不变。",
    },
)
def test_llama_does_not_see_the_future(student, rng):
    family = llama(student, rng)
    ids = tokens(rng, 3, 9)
    before = expect.tensor(family.model(ids), (3, 9, 37), what=logits_of("Llama"))
    changed = ids.clone()
    changed[:, 5] = (changed[:, 5] + 11) % 37
    after = expect.tensor(family.model(changed), (3, 9, 37), what=logits_of("Llama"))
    what = Bilingual("the logits before the changed token", "被改动的 token 之前的 logits")
    expect.close(after[:, :5], before[:, :5], what, atol=1e-4)
    same = (after[:, 5:] - before[:, 5:]).abs().amax(-1) < 1e-4
    message = Bilingual(
        "the logits at a token that sees the changed one should change", "看得到被改动的 token 的位置，logits 应当改变"
    )
    expect.that(not same.any(), message)


@pytest.mark.problem(
    "families",
    points=1,
    rests_on=[
        "Where config.tied, its weight IS the token embedding's Parameter; named_parameters() then lists it as "
        "token_embedding.weight",
        "Where config.tied, lm_head.weight may be missing, as in SmolLM2's file, or be there, as in a model in "
        "memory. The result has head.weight either way.",
        "if a model that was trained elsewhere gives the same logits in your code, your code is the architecture.",
        "The logits are differentiable in all parameters.",
    ],
    hint={
        "en": "A Llama in SmolLM2's proportions, whose head is tied: its file has no lm_head.weight. The embedding is used at both ends, so its gradient comes from both. named_parameters() should list it as token_embedding.weight: create token_embedding before head.",
        "zh": "一个按 SmolLM2 比例缩小的 Llama，输出头与嵌入共享：它的文件里没有 lm_head.weight。嵌入在首尾各用一次，梯度也来自两处。named_parameters() 要以 token_embedding.weight 的名字列出它：先建 token_embedding，再建 head。",
    },
)
def test_the_tied_head_of_a_small_smollm2(student, rng):
    config = LlamaConfig(
        vocab_size=37, hidden_size=54, num_attention_heads=9, num_key_value_heads=3, num_hidden_layers=2,
        intermediate_size=144, rms_norm_eps=1e-5, rope_parameters={"rope_type": "default", "rope_theta": 100_000.0},
        tie_word_embeddings=True, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    sizes = {"vocab_size": 37, "d_model": 54, "n_heads": 9, "n_kv_heads": 3, "n_layers": 2, "d_ff": 144, "tied": True}
    family = Family(student, rng, "Llama", LlamaForCausalLM, config, eps=1e-5, rope_base=100_000.0, **sizes)
    family.load(left_out="lm_head.weight")
    ids = tokens(rng, 2, 7)
    logits, found, theirs = family.backward(ids, normal(rng, 2, 7, 37) / 30)
    what = Bilingual("the logits of a Llama with a tied head", "输出头与嵌入共享时 Llama 的 logits")
    expect.close(logits, family.logits(ids), what, atol=LOGITS)
    check_gradients(found, {"token_embedding.weight": theirs["model.embed_tokens.weight"]})
    family.load()  # the state dict of a model in memory has lm_head.weight as well
    expect.close(family.model(ids), family.logits(ids), what=what, atol=LOGITS)


@pytest.mark.problem(
    "families",
    points=2,
    rests_on=[
        "if a model that was trained elsewhere gives the same logits in your code, your code is the architecture.",
        "Mixtral: a Llama whose layers have a MoELayer in the place of the SwiGLU.",
        "feed_forward: SwiGLU, or MoELayer where config.n_experts is not 0.",
        "experts: nn.ModuleList of SwiGLU(d_model, d_ff).",
        "experts.gate_up_proj (n_experts, 2 d_ff, d_model) holds for each expert first the d_ff rows of gate_proj, "
        "then those of up_proj; experts.down_proj is (n_experts, d_model, d_ff). The library's mlp.gate is our "
        "router.",
        "window (Llama, Mixtral): a token sees itself and window - 1 tokens before it; None: all before.",
        "The logits are differentiable in all parameters.",
    ],
    hint={
        "en": "MistralMoE with the parameters of a tiny MixtralForCausalLM gives other logits or gradients. gate_up_proj stacks, for each expert, first the rows of gate_proj, then those of up_proj. With a window of 4, a token sees itself and the 3 before it. If `sdpa`, `rope-gqa`, `norms` or `moe` has lost points, mend that first.",
        "zh": "MistralMoE 载入一个微型 MixtralForCausalLM 的参数后，logits 或梯度不同。gate_up_proj 对每个专家先放 gate_proj 的各行，再放 up_proj 的各行。窗口为 4 时，一个 token 看到自己和它前面的 3 个。如果 `sdpa`、`rope-gqa`、`norms` 或 `moe` 丢了分，请先改好它们。",
    },
)
def test_mixtral_agrees_with_hugging_face(student, rng):
    sizes = {"vocab_size": 37, "d_model": 36, "n_heads": 6, "n_kv_heads": 2, "n_layers": 2, "d_ff": 22}
    sizes |= {"n_experts": 5, "top_k": 2}
    for window in (None, 4):
        config = MixtralConfig(
            vocab_size=37, hidden_size=36, num_attention_heads=6, num_key_value_heads=2, num_hidden_layers=2,
            intermediate_size=22, num_local_experts=5, num_experts_per_tok=2, sliding_window=window, rms_norm_eps=0.03,
            rope_parameters={"rope_type": "default", "rope_theta": 300.0}, bos_token_id=None, eos_token_id=None,
        )  # fmt: skip
        family = Family(
            student, rng, "MistralMoE", MixtralForCausalLM, config, eps=0.03, rope_base=300.0, window=window, **sizes
        )
        family.load()
        ids = tokens(rng, 3, 9)
        logits, found, theirs = family.backward(ids, normal(rng, 3, 9, 37) / 30)
        what = Bilingual(f"the logits of MistralMoE, window {window}", f"窗口为 {window} 时 MistralMoE 的 logits")
        expect.close(logits, family.logits(ids), what, atol=LOGITS)
        both, down = (theirs[f"model.layers.1.mlp.experts.{name}"] for name in ("gate_up_proj", "down_proj"))
        busy = int(down.abs().sum((1, 2)).argmax())  # an expert that no token has chosen may have no gradient at all
        expected = {
            "layers.0.feed_forward.router.weight": theirs["model.layers.0.mlp.gate.weight"],
            f"layers.1.feed_forward.experts.{busy}.up_proj.weight": both[busy, 22:],
            f"layers.1.feed_forward.experts.{busy}.down_proj.weight": down[busy],
        }
        check_gradients(found, expected)
