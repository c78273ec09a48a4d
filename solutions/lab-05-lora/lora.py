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
# # Instruction fine-tuning with LoRA

# %% [markdown] tags=["zh"]
# # 用 LoRA 做指令微调

# %% tags=["export"]
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

import labkit

IGNORE_INDEX = -100  # the label that cross-entropy skips (the default of torch.nn.functional.cross_entropy)

Message = dict[str, str]  # {"role": "system" | "user" | "assistant", "content": "..."}
Example = tuple[list[int], list[int]]  # (ids, labels), equally long
Batch = dict[str, Tensor]  # input_ids, attention_mask, labels: each (B, T) int64


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "chat-labels-solution", "cell_type": "code"}
def build_labels(messages: Sequence[Message], tokenizer: PreTrainedTokenizerBase) -> Example:
    """Token ids of a conversation, and the labels that train its assistant turns only.

    Args:
        messages: any number of turns, the first one a system or a user message; no content begins with white space.
        tokenizer: has the chat template; `tokenizer.apply_chat_template(messages, return_dict=False)` gives the ids.

    Returns:
        ids: T token ids of the whole conversation, exactly as the chat template renders it.
        labels: T integers. The id itself on the content of every assistant turn and on the `<|im_end|>` that
            closes it; IGNORE_INDEX everywhere else (system and user turns, the header `<|im_start|>assistant\n`,
            the newline after `<|im_end|>`). A conversation without an assistant turn has only IGNORE_INDEX.

    Source: Ouyang et al. 2022 (InstructGPT), section 3; Touvron et al. 2023 (Llama 2), section 3.1.
    """
    ### BEGIN SOLUTION
    ids = tokenizer.apply_chat_template(messages, return_dict=False)
    labels = [IGNORE_INDEX] * len(ids)
    for turn, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        # What the model sees before it answers, and what is there when it has answered.
        prompt = tokenizer.apply_chat_template(messages[:turn], add_generation_prompt=True, return_dict=False)
        answered = tokenizer.apply_chat_template(messages[: turn + 1], return_dict=False)
        start, end = len(prompt), len(answered) - 1  # the template ends a turn with a newline: not the model's to learn
        labels[start:end] = ids[start:end]
    return ids, labels
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 16, "schema_version": 3, "grade_id": "chat-labels", "cell_type": "code"}
labkit.check("chat-labels")


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "collate-solution", "cell_type": "code"}
def collate(examples: Sequence[Example], pad_id: int) -> Batch:
    """Pads B examples on the right to the longest one, T tokens.

    Args:
        examples: B pairs (ids, labels) from build_labels.
        pad_id: fills input_ids. It may be the id of `<|im_end|>` too: real tokens keep their mask and their label.

    Returns:
        {"input_ids", "attention_mask", "labels"}: each (B, T) int64. attention_mask is 1 on tokens, 0 on padding;
        labels are IGNORE_INDEX on padding.

    Raises:
        ValueError: examples is empty.
    """
    ### BEGIN SOLUTION
    if not examples:
        raise ValueError("collate needs at least one example")
    shape = (len(examples), max(len(ids) for ids, _ in examples))
    input_ids = torch.full(shape, pad_id)
    attention_mask = torch.zeros(shape, dtype=torch.int64)
    labels = torch.full(shape, IGNORE_INDEX)
    for row, (ids, example_labels) in enumerate(examples):
        length = len(ids)
        input_ids[row, :length] = torch.tensor(ids)
        attention_mask[row, :length] = 1  # by length, never by `ids != pad_id`
        labels[row, :length] = torch.tensor(example_labels)
    return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 12, "schema_version": 3, "grade_id": "collate", "cell_type": "code"}
labkit.check("collate")


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "lora-linear-solution", "cell_type": "code"}
class LoRALinear(nn.Module):
    """A frozen linear layer plus a trainable update of rank r:  y = base(x) + alpha / r * B A dropout(x).

    Attributes:
        base: the nn.Linear, its weight (d_out, d_in) and its bias frozen.
        lora_A: Parameter (r, d_in), Kaiming-uniform with a = sqrt(5).    lora_B: Parameter (d_out, r), zeros.
        scaling: alpha / r.    dropout: nn.Dropout, on the input of A only.    merged: bool, False at first.

    Source: Hu et al. 2021, LoRA, section 4.1.
    """

    def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float = 0.0) -> None:
        """Wraps base; lora_A and lora_B take dtype and device of base.weight.

        Raises:
            ValueError: r < 1.
        """
        super().__init__()
        ### BEGIN SOLUTION
        if r < 1:
            raise ValueError(f"the rank r must be at least 1, not {r}")
        self.base = base.requires_grad_(False)
        self.lora_A = nn.Parameter(base.weight.new_empty(r, base.in_features))
        self.lora_B = nn.Parameter(base.weight.new_zeros(base.out_features, r))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.scaling = alpha / r
        self.dropout = nn.Dropout(dropout)
        self.merged = False
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """x (..., d_in) -> (..., d_out). When merged, base alone already gives the answer."""
        ### BEGIN SOLUTION
        if self.merged:
            return self.base(x)
        update = F.linear(F.linear(self.dropout(x), self.lora_A), self.lora_B)  # (..., d_in) -> (..., r) -> (..., d_out)
        return self.base(x) + self.scaling * update
        ### END SOLUTION

    def merge(self) -> None:
        """Adds the update to base.weight in place and sets merged. Already merged: does nothing. (Section 5.)"""
        ### BEGIN SOLUTION
        if not self.merged:
            self.base.weight.data += self.scaling * (self.lora_B @ self.lora_A).detach()
            self.merged = True
        ### END SOLUTION

    def unmerge(self) -> None:
        """Takes the update out of base.weight again. Not merged: does nothing. (Section 5.)"""
        ### BEGIN SOLUTION
        if self.merged:
            self.base.weight.data -= self.scaling * (self.lora_B @ self.lora_A).detach()
            self.merged = False
        ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 24, "schema_version": 3, "grade_id": "lora-linear", "cell_type": "code"}
labkit.check("lora-linear")


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "merge-solution", "cell_type": "code"}
def merge_lora(model: nn.Module) -> None:
    """Merges every LoRALinear in model (also model itself, if it is one)."""
    ### BEGIN SOLUTION
    for module in model.modules():
        if isinstance(module, LoRALinear):
            module.merge()
    ### END SOLUTION


def unmerge_lora(model: nn.Module) -> None:
    """Unmerges every LoRALinear in model (also model itself, if it is one)."""
    ### BEGIN SOLUTION
    for module in model.modules():
        if isinstance(module, LoRALinear):
            module.unmerge()
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 12, "schema_version": 3, "grade_id": "merge", "cell_type": "code"}
labkit.check("merge")


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "inject-solution", "cell_type": "code"}
def inject_lora(
    model: nn.Module, targets: Sequence[str], r: int, alpha: float, dropout: float = 0.0
) -> list[str]:
    """Freezes every parameter that model has, then puts a LoRALinear in the place of each target nn.Linear.

    Args:
        targets: a layer is a target when the last part of its dotted name is in here: "q_proj" takes
            "model.layers.0.self_attn.q_proj", and neither "my_q_proj" nor "q_proj_norm".

    Returns:
        The dotted names of the layers replaced, in the order of model.named_modules(). A LoRALinear that is there
        already is not wrapped again. Each new layer is in the mode (train or eval) of the one it replaces.

    Raises:
        ValueError: no layer to replace.
    """
    ### BEGIN SOLUTION
    model.requires_grad_(False)
    replaced = []
    for name, module in list(model.named_modules()):  # a list, because the tree changes under the loop
        parent_name, _, last = name.rpartition(".")
        parent = model.get_submodule(parent_name)
        if last not in targets or not isinstance(module, nn.Linear) or isinstance(parent, LoRALinear):
            continue
        setattr(parent, last, LoRALinear(module, r, alpha, dropout).train(module.training))
        replaced.append(name)
    if not replaced:
        raise ValueError(f"no nn.Linear to replace is named {list(targets)}")
    return replaced
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 12, "schema_version": 3, "grade_id": "inject", "cell_type": "code"}
labkit.check("inject")


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "adapter-io-solution", "cell_type": "code"}
def save_adapter(model: nn.Module, folder: Path) -> None:
    """Writes the adapter of model, and nothing else of it, into folder (made if it is missing).

    adapter.safetensors: one tensor per lora_A and lora_B, under its name in model.named_parameters().
    adapter_config.json: {"r": int, "alpha": float, "targets": [last name parts, sorted]}.

    Raises:
        ValueError: model has no LoRALinear.
    """
    ### BEGIN SOLUTION
    layers = {name: module for name, module in model.named_modules() if isinstance(module, LoRALinear)}
    if not layers:
        raise ValueError("this model has no LoRA layer: call inject_lora first")
    r = next(iter(layers.values())).lora_A.shape[0]
    config = {
        "r": r,
        "alpha": next(iter(layers.values())).scaling * r,
        "targets": sorted({name.rpartition(".")[2] for name in layers}),
    }
    tensors = {}
    for name, layer in layers.items():
        tensors[f"{name}.lora_A"] = layer.lora_A.detach().contiguous()
        tensors[f"{name}.lora_B"] = layer.lora_B.detach().contiguous()
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2))
    ### END SOLUTION


def load_adapter(model: nn.Module, folder: Path) -> None:
    """Puts the adapter in folder onto model, a base model without LoRA layers (in place; dropout is 0).

    Raises:
        ValueError: the names or shapes of the adapter do not fit model.
    """
    ### BEGIN SOLUTION
    config = json.loads((Path(folder) / "adapter_config.json").read_text())
    tensors = load_file(Path(folder) / "adapter.safetensors")
    names = inject_lora(model, config["targets"], config["r"], config["alpha"])
    own = {f"{name}.{part}": model.get_submodule(name).get_parameter(part) for name in names for part in ("lora_A", "lora_B")}
    if {key: tensor.shape for key, tensor in tensors.items()} != {key: p.shape for key, p in own.items()}:
        raise ValueError("this adapter belongs to another model: its names or shapes do not fit")
    with torch.no_grad():
        for key, parameter in own.items():
            parameter.copy_(tensors[key])
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 8, "schema_version": 3, "grade_id": "adapter-io", "cell_type": "code"}
labkit.check("adapter-io")


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "sft-train-solution", "cell_type": "code"}
def sft_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of the next token, over the positions whose label counts.

    Args:
        logits: (B, T, V); logits[:, t] predicts the token at t + 1.
        labels: (B, T), aligned with input_ids (NOT shifted); IGNORE_INDEX where nothing is to be learnt.

    Returns:
        A float32 scalar. When every label is ignored it is 0, with a gradient of zeros (not NaN).
    """
    ### BEGIN SOLUTION
    predictions = logits[:, :-1].flatten(0, 1).float()  # (B * (T-1), V)
    targets = labels[:, 1:].flatten()  # (B * (T-1),)
    total = F.cross_entropy(predictions, targets, ignore_index=IGNORE_INDEX, reduction="sum")
    return total / (targets != IGNORE_INDEX).sum().clamp(min=1)
    ### END SOLUTION


def train(model: nn.Module, batches: Iterable[Batch], lr: float, max_grad_norm: float = 1.0) -> list[float]:
    """One AdamW step per batch, on the trainable parameters only; the model is in train mode meanwhile.

    Args:
        model: `model(input_ids=..., attention_mask=...).logits` is (B, T, V).
        batches: from collate; each is moved to the model's device.
        lr: learning rate; AdamW's other settings are PyTorch's defaults.
        max_grad_norm: the gradient of all trainable parameters together is clipped to this L2 norm.

    Returns:
        The loss of each batch, before its step.
    """
    ### BEGIN SOLUTION
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=lr)
    device = trainable[0].device
    losses = []
    model.train()
    for batch in batches:
        batch = {name: tensor.to(device) for name, tensor in batch.items()}
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        loss = sft_loss(logits, batch["labels"])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trainable, max_grad_norm)
        optimizer.step()
        losses.append(loss.item())
    return losses
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 10, "schema_version": 3, "grade_id": "sft-train", "cell_type": "code"}
labkit.check("sft-train")


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "evaluate-solution", "cell_type": "code"}
@torch.no_grad()
def evaluate(model: nn.Module, batches: Iterable[Batch]) -> dict[str, float | int]:
    """Response loss over all batches, every response token weighing the same.

    The model is in eval mode meanwhile (dropout off), no gradient is recorded, and afterwards the model is in the
    mode it was in before.

    Returns:
        {"loss": mean over all tokens that count in sft_loss, "perplexity": exp(loss), "tokens": how many they are}

    Raises:
        ValueError: there is no token to score.
    """
    ### BEGIN SOLUTION
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    total, tokens = 0.0, 0
    for batch in batches:
        batch = {name: tensor.to(device) for name, tensor in batch.items()}
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        count = int((batch["labels"][:, 1:] != IGNORE_INDEX).sum())
        total += sft_loss(logits, batch["labels"]).item() * count
        tokens += count
    model.train(was_training)
    if tokens == 0:
        raise ValueError("no response token to score in these batches")
    return {"loss": total / tokens, "perplexity": math.exp(total / tokens), "tokens": tokens}
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 6, "schema_version": 3, "grade_id": "evaluate", "cell_type": "code"}
labkit.check("evaluate")
