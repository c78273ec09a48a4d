"""Public checks of architectures."""

from typing import Any

import torch
from torch import Tensor, nn

from labkit.check import case, fail
from labkit.i18n import Bilingual


def close(actual: Tensor, expected: Tensor, atol: float = 1e-4) -> bool:
    """Whether two tensors have the same shape and, within atol, the same values."""
    return actual.shape == expected.shape and torch.allclose(actual, expected, atol=atol)


# ---- 6 moe ----------------------------------------------------------------------------------------------


@case("moe", en="SwiGLU of one number by hand", zh="手算一个数的 SwiGLU")
def swiglu_by_hand(student: Any) -> None:
    layer = student.SwiGLU(1, 1)
    for name, value in (("gate_proj", 2.0), ("up_proj", 3.0), ("down_proj", 10.0)):
        nn.init.constant_(getattr(layer, name).weight, value)
    result = layer(torch.ones(1, 1))  # silu(2) = 2 / (1 + e^-2) = 1.7616
    if not close(result, torch.tensor([[10 * 1.7616 * 3]]), atol=1e-2):
        fail(
            "With gate 2, up 3 and down 10, the input 1 should become 10 · silu(2) · 3 = 52.85; "
            f"yours is {result.item():.2f}.",
            f"gate 为 2、up 为 3、down 为 10 时，输入 1 应得到 10 · silu(2) · 3 = 52.85；你的是 {result.item():.2f}。",
        )


@case("moe", en="the router's weights by hand", zh="手算路由器给的权重")
def route_by_hand(student: Any) -> None:
    layer = student.MoELayer(1, 3, 4, 2)
    with torch.no_grad():
        layer.router.weight.copy_(torch.tensor([[0.0], [2.0], [-1.0], [1.0]]))
    weights, chosen = (part.detach() for part in layer.route(torch.ones(1, 1)))
    if sorted(chosen.flatten().tolist()) != [1, 3]:
        fail(
            f"The scores are (0, 2, -1, 1): the top 2 should be experts 1 and 3, not {chosen.flatten().tolist()}.",
            f"得分是 (0, 2, -1, 1)：前两名应是 1 号和 3 号专家，而不是 {chosen.flatten().tolist()}。",
        )
    best = float(weights[chosen == 1])
    if abs(best - 0.7311) > 1e-3:  # e^2 / (e^2 + e^1)
        fail(
            f"The softmax of the chosen scores 2 and 1 is (0.731, 0.269): expert 1 should have 0.731, not {best:.3f}.",
            f"选中的得分 2 和 1，其 softmax 为 (0.731, 0.269)：1 号专家应得 0.731，而不是 {best:.3f}。",
        )


@case("moe", en="the output is what the chosen experts say", zh="输出来自选中的专家")
def sum_of_the_chosen(student: Any) -> None:
    layer = student.MoELayer(6, 8, 4, 2)
    x = torch.randn(2, 3, 6)
    output = layer(x)
    if output.shape != x.shape:
        fail(
            f"The output should have the shape of x, (2, 3, 6), not {tuple(output.shape)}.",
            f"输出的形状与 x 相同，应为 (2, 3, 6)，而不是 {tuple(output.shape)}。",
        )
    weights, chosen = layer.route(x)
    token = x[1, 2]
    expected = sum(w * layer.experts[int(e)](token) for w, e in zip(weights[1, 2], chosen[1, 2], strict=True))
    if not close(output[1, 2], expected):
        fail(
            "For the last token the output is not weight · expert + weight · expert, "
            "with the weights and experts of your own route.",
            "对最后一个 token，输出不等于 权重 · 专家 + 权重 · 专家（权重和专家取自你自己的 route）。",
        )


# ---- 7 families -----------------------------------------------------------------------------------------

SIZES = {"vocab_size": 29, "d_model": 24, "n_heads": 4, "n_layers": 2, "d_ff": 40}
HF_SIZES = {
    "vocab_size": 29, "hidden_size": 24, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 40,
    "bos_token_id": None, "eos_token_id": None, "initializer_range": 0.2,
}  # fmt: skip


def first_of_each(model: nn.Module, theirs: dict[str, Tensor], error: str) -> list[Bilingual]:
    """Why a state dict does not fit: the first name that is left out, and the first that the model does not have."""
    ours, own = model.from_hf(theirs), model.state_dict()
    missing, unexpected = [name for name in own if name not in ours], [name for name in ours if name not in own]
    told: list[Bilingual] = []
    if missing:
        told.append(
            Bilingual(
                f"from_hf leaves out {len(missing)}, the first is {missing[0]}",
                f"from_hf 漏了 {len(missing)} 个，第一个是 {missing[0]}",
            )
        )
    if unexpected:
        told.append(
            Bilingual(
                f"from_hf gives {len(unexpected)} that the model does not have, the first is {unexpected[0]}",
                f"from_hf 给出了 {len(unexpected)} 个模型里没有的，第一个是 {unexpected[0]}",
            )
        )
    # A wrong shape: load_state_dict names them, one in a line.
    return told or [Bilingual(line.strip(), line.strip()) for line in error.splitlines()[1:2]]


def agrees(student: Any, name: str, theirs: nn.Module, **sizes: Any) -> None:
    """Fails unless the student's model, with the parameters of a tiny Hugging Face model, gives its logits."""
    theirs.eval()
    model = getattr(student, name)(student.Config(**SIZES, **sizes))
    try:
        student.load_hf_state_dict(model, theirs.state_dict())
    except RuntimeError as error:
        told = first_of_each(model, theirs.state_dict(), str(error))
        en, zh = " / ".join(line.en for line in told), " / ".join(line.zh for line in told)
        fail(f"The parameters do not fit. {en}", f"参数对不上。{zh}")
    ids = torch.randint(1, 29, (2, 7))
    with torch.no_grad():
        logits, expected = model(ids), theirs(ids).logits
    if logits.shape != expected.shape:
        fail(
            f"The logits should have shape (B, T, V) = (2, 7, 29), not {tuple(logits.shape)}.",
            f"logits 的形状应为 (B, T, V) = (2, 7, 29)，而不是 {tuple(logits.shape)}。",
        )
    if not close(logits, expected):
        difference = (logits - expected).abs().max()
        fail(
            f"With the same parameters your logits differ from Hugging Face's by up to {difference:.1e}.",
            f"参数相同，你的 logits 与 Hugging Face 相差最大 {difference:.1e}。",
        )


@case("families", en="Bert gives the logits of a tiny BertForMaskedLM", zh="Bert 的 logits 与微型 BertForMaskedLM 相同")
def bert_agrees(student: Any) -> None:
    from transformers import BertConfig, BertForMaskedLM

    theirs = BertForMaskedLM(BertConfig(**HF_SIZES, max_position_embeddings=11))
    agrees(student, "Bert", theirs, eps=1e-12, max_len=11, n_types=2)


@case("families", en="GPT2 gives the logits of a tiny GPT2LMHeadModel", zh="GPT2 的 logits 与微型 GPT2LMHeadModel 相同")
def gpt2_agrees(student: Any) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes = {name: value for name, value in HF_SIZES.items() if name != "intermediate_size"}
    theirs = GPT2LMHeadModel(GPT2Config(**sizes, n_inner=40, n_positions=11))
    agrees(student, "GPT2", theirs, eps=1e-5, max_len=11)


@case(
    "families",
    en="Llama gives the logits of a tiny LlamaForCausalLM",
    zh="Llama 的 logits 与微型 LlamaForCausalLM 相同",
)
def llama_agrees(student: Any) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    for tied in (False, True):
        theirs = LlamaForCausalLM(LlamaConfig(**HF_SIZES, num_key_value_heads=2, tie_word_embeddings=tied))
        agrees(student, "Llama", theirs, eps=1e-6, n_kv_heads=2, tied=tied)


@case("families", en="a tied head is the embedding's own Parameter", zh="共享的输出头就是 embedding 的 Parameter")
def tied_head_is_one_parameter(student: Any) -> None:
    model = student.Llama(student.Config(**SIZES, eps=1e-6, n_kv_heads=2, tied=True))
    if model.head.weight is not model.token_embedding.weight:
        fail(
            "With tied=True, head.weight and token_embedding.weight should be one Parameter, not two that are equal.",
            "tied=True 时，head.weight 和 token_embedding.weight 应当是同一个 Parameter，而不是两个初值相同的。",
        )


@case("families", en="the name of a tied Parameter", zh="共享的 Parameter 叫什么名字")
def tied_parameter_has_the_name_of_the_embedding(student: Any) -> None:
    model = student.Llama(student.Config(**SIZES, eps=1e-6, n_kv_heads=2, tied=True))
    names = [name for name, parameter in model.named_parameters() if parameter is model.token_embedding.weight]
    if names != ["token_embedding.weight"]:
        fail(
            "named_parameters() should list the tied Parameter as token_embedding.weight, "
            f"not as {names}: create token_embedding before head.",
            "named_parameters() 应当以 token_embedding.weight 的名字列出共享的 Parameter，"
            f"而不是 {names}：先建 token_embedding，再建 head。",
        )


@case(
    "families",
    en="MistralMoE gives the logits of a tiny MixtralForCausalLM",
    zh="MistralMoE 的 logits 与微型 MixtralForCausalLM 相同",
)
def mixtral_agrees(student: Any) -> None:
    from transformers import MixtralConfig, MixtralForCausalLM

    theirs = MixtralForCausalLM(
        MixtralConfig(**HF_SIZES, num_key_value_heads=2, num_local_experts=4, num_experts_per_tok=2, sliding_window=3)
    )
    sizes = {"eps": 1e-5, "n_kv_heads": 2, "rope_base": 1e6, "window": 3, "n_experts": 4, "top_k": 2}
    agrees(student, "MistralMoE", theirs, **sizes)
