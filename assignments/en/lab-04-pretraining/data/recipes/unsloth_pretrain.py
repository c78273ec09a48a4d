"""Continued pretraining on one GPU with unsloth: 4-bit weights, LoRA, and embeddings with a learning rate of their own.

    python unsloth_pretrain.py  # Llama 3.1 8B, Chinese
    python unsloth_pretrain.py --model unsloth/Qwen2.5-Coder-7B --text code.jsonl --no-embeddings  # a code model

`--text` is a .jsonl with {"text": ...} in each line (corpus.py writes one).
"""

import argparse

from unsloth import FastLanguageModel, UnslothTrainer, UnslothTrainingArguments  # isort: skip  (first: it patches the others)

from datasets import load_dataset

LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def main() -> None:
    options = read_options()
    model, tokenizer = FastLanguageModel.from_pretrained(
        model_name=options.model, max_seq_length=options.seq_len, dtype=None, load_in_4bit=True
    )
    # A new language changes which tokens are common, so embedding and output layer learn, too.
    targets = LINEAR if options.no_embeddings else [*LINEAR, "embed_tokens", "lm_head"]
    model = FastLanguageModel.get_peft_model(
        model,
        r=options.rank,
        lora_alpha=options.rank,
        lora_dropout=0.0,
        bias="none",
        target_modules=targets,
        use_rslora=True,  # alpha / sqrt(r): large ranks stay stable (Kalajdzievski 2023)
        use_gradient_checkpointing="unsloth",
        random_state=0,
    )
    documents = load_dataset("json", data_files=options.text, split="train")
    documents = documents.map(lambda row: {"text": row["text"] + tokenizer.eos_token})
    trainer = UnslothTrainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=documents,
        args=UnslothTrainingArguments(
            output_dir=options.output,
            dataset_text_field="text",
            max_length=options.seq_len,
            packing=True,
            packing_strategy="bfd_split",  # the default, "bfd", drops what is longer than max_length
            per_device_train_batch_size=2,
            gradient_accumulation_steps=16,
            num_train_epochs=1,
            max_steps=options.max_steps,
            learning_rate=5e-5,
            # Smaller for embedding and output layer, which are trained whole (unsloth's guide to continued pretraining).
            embedding_learning_rate=None if options.no_embeddings else 5e-6,
            lr_scheduler_type="cosine",
            warmup_steps=0.03,  # below 1: a share of all steps
            weight_decay=0.01,
            optim="adamw_8bit",
            bf16=True,
            logging_steps=1,
            save_steps=500,
            seed=0,
            report_to="none",
        ),
    )
    trainer.train()
    model.save_pretrained(options.output)  # the adapter only
    tokenizer.save_pretrained(options.output)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="unsloth/Meta-Llama-3.1-8B")
    parser.add_argument("--text", default="zh.jsonl")
    parser.add_argument("--output", default="out/unsloth")
    parser.add_argument("--seq-len", type=int, default=2048)
    parser.add_argument("--rank", type=int, default=128)
    parser.add_argument("--max-steps", type=int, default=-1, help="-1: one epoch")
    parser.add_argument("--no-embeddings", action="store_true", help="leave embedding and output layer frozen")
    return parser.parse_args()


if __name__ == "__main__":
    main()
