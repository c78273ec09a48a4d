"""Continued pretraining with Hugging Face's Trainer: on one CPU, one GPU or many.

    python trainer.py --model SmolLM2-folder --text zh.jsonl --max-steps 2  # any causal language model
    torchrun --nproc-per-node 8 trainer.py trainer_llama31_8b_zh.yaml  # 8 cards, FSDP (ZeRO 3)
    python trainer.py trainer_qwen25_coder_code.yaml --learning-rate 2e-5  # a file, and a change to it

Settings come from a YAML file, or from flags, or from both: flags win. Besides those below, all fields of
transformers.TrainingArguments are settings.
"""

import sys
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import torch
import yaml
from datasets import Dataset, load_dataset
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    HfArgumentParser,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
    default_data_collator,
)


@dataclass
class Corpus:
    """What is trained on what."""

    model: str = field(default="", metadata={"help": "a folder, or a name on the hub"})
    text: str = field(default="", metadata={"help": 'a .jsonl with {"text": ...} in each line, or a .txt'})
    seq_len: int = field(default=1024, metadata={"help": "tokens in a row of a batch"})
    held_out: float = field(
        default=0.02, metadata={"help": "share of the documents that is evaluated and not trained on"}
    )


def main() -> None:
    corpus, training = read_settings(sys.argv[1:])
    # Not evaluate() before train(): FSDP2 shards a model together with its optimizer only.
    training.eval_on_start = True
    tokenizer = AutoTokenizer.from_pretrained(corpus.model)
    # Weights in float32, also where the computing is done in bfloat16: small updates would be lost in 8 bits.
    model = AutoModelForCausalLM.from_pretrained(corpus.model, dtype=torch.float32)
    model.config.use_cache = False  # of no use in training, and not possible with checkpointing
    kind = "json" if Path(corpus.text).suffix == ".jsonl" else "text"
    documents = load_dataset(kind, data_files=corpus.text, split="train")
    parts = documents.train_test_split(test_size=corpus.held_out, seed=training.seed)
    with training.main_process_first(desc="packing"):
        train, held_out = (pack(parts[name], tokenizer, corpus.seq_len) for name in ("train", "test"))
    trainer = Trainer(
        model=model,
        args=training,
        train_dataset=train,
        eval_dataset=held_out,
        processing_class=tokenizer,
        data_collator=default_data_collator,
    )
    trainer.train(resume_from_checkpoint=training.resume_from_checkpoint)  # it begins with an evaluation
    before = next(entry["eval_loss"] for entry in trainer.state.log_history if "eval_loss" in entry)
    after = trainer.evaluate()["eval_loss"]
    trainer.save_model()
    if trainer.is_world_process_zero():
        print(f"held-out loss, nats per token: {before:.3f} before, {after:.3f} after")


def read_settings(arguments: list[str]) -> tuple[Corpus, TrainingArguments]:
    """The settings of the YAML file that the first argument may name, overruled by the flags."""
    parser = HfArgumentParser((Corpus, TrainingArguments), description=__doc__.splitlines()[0])
    if arguments and arguments[0].endswith((".yaml", ".yml")):
        settings = yaml.safe_load(Path(arguments[0]).read_text(encoding="utf-8"))
        known = {action.dest for action in parser._actions}
        if unknown := settings.keys() - known:
            parser.error(f"{arguments[0]}: unknown settings {sorted(unknown)}")
        parser.set_defaults(**settings)
        arguments = arguments[1:]
    corpus, training = parser.parse_args_into_dataclasses(arguments)
    if not corpus.model or not corpus.text:
        parser.error("say which model to train on which text: --model and --text")
    return corpus, training


def pack(documents: Dataset, tokenizer: PreTrainedTokenizerBase, seq_len: int) -> Dataset:
    """Documents one after another, each ended by an end-of-sequence token, in rows of seq_len; the rest is dropped."""

    def rows(batch: dict[str, list[str]]) -> dict[str, list[list[int]]]:
        ids = [
            tokenizer(text, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id] for text in batch["text"]
        ]
        stream = list(chain.from_iterable(ids))
        cut = [stream[i : i + seq_len] for i in range(0, len(stream) - seq_len + 1, seq_len)]
        return {"input_ids": cut, "labels": [row.copy() for row in cut]}  # the model shifts the labels itself

    return documents.map(rows, batched=True, remove_columns=documents.column_names)


if __name__ == "__main__":
    main()
