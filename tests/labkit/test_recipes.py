"""The recipes of lab 04 are read by the tools that they are for, as far as these are in this environment.

LLaMA-Factory and unsloth pin older packages than the labs and have environments of their own. LLaMA-Factory's parser is
asked where LLM101_LLAMA_FACTORY names the Python of such an environment; what this one has checks the rest: YAML,
TrainingArguments, SFTConfig, Python's parser.
"""

import ast
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

RECIPES = Path(__file__).resolve().parents[2] / "solutions" / "lab-04-pretraining" / "data" / "recipes"
LLAMA_FACTORY = sorted(path.name for path in RECIPES.glob("llama_factory_*.yaml"))
TRAINER = sorted(path.name for path in RECIPES.glob("trainer_*.yaml"))
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OMP_NUM_THREADS": "1"}

# LLaMA-Factory's own settings that the recipes use, as its version 0.9.5 names them.
OWN_SETTINGS = {
    *("model_name_or_path", "quantization_bit", "quantization_method"),  # ModelArguments
    *("stage", "finetuning_type", "lora_target", "lora_rank", "lora_alpha", "plot_loss"),  # FinetuningArguments
    *("dataset_dir", "dataset", "cutoff_len", "packing", "preprocessing_num_workers", "val_size"),  # DataArguments
}


PARSE = """
import sys, yaml
from llamafactory.hparams import parser
for file in sys.argv[1:]:
    model, data, training, finetuning, _ = parser.get_train_args(yaml.safe_load(open(file, encoding="utf-8")))
    assert data.packing and training.do_train and training.bf16 and model.model_name_or_path
    print("stage:", finetuning.stage)
"""


# accelerate refuses FSDP on CPUs, and FSDP2 itself does not: so its state is told that the two ranks are accelerators.
FSDP_ON_CPU = """
import sys
import accelerate.state as state
from accelerate.utils import DistributedType

really = state.PartialState.__init__

def pretend(self, *args, **kwargs):
    really(self, *args, **kwargs)
    if type(self) is state.PartialState and self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type = DistributedType.MULTI_GPU

state.PartialState.__init__ = pretend
sys.path.insert(0, sys.argv.pop(1))
import trainer

trainer.main()
"""


def load(name: str) -> dict[str, object]:
    return yaml.safe_load((RECIPES / name).read_text(encoding="utf-8"))


def run(*arguments: object, folder: Path, python: str = sys.executable) -> str:
    done = subprocess.run(
        [python, *map(str, arguments)], cwd=folder, env=os.environ | OFFLINE, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_there_are_recipes() -> None:
    assert len(LLAMA_FACTORY) == 3 and len(TRAINER) == 2


@pytest.mark.parametrize("name", LLAMA_FACTORY)
def test_llama_factory_settings_exist(name: str) -> None:
    from transformers import TrainingArguments

    known = OWN_SETTINGS | {field.name for field in dataclasses.fields(TrainingArguments)}
    known.add("warmup_ratio")  # a field of the transformers that LLaMA-Factory pins
    settings = load(name)
    assert settings.keys() <= known
    datasets = json.loads((RECIPES / "dataset_info.json").read_text())
    assert datasets[settings["dataset"]]["columns"] == {"prompt": "text"}
    if "deepspeed" in settings:
        assert json.loads((RECIPES / str(settings["deepspeed"])).read_text())["zero_optimization"]["stage"] == 3


@pytest.mark.skipif("LLM101_LLAMA_FACTORY" not in os.environ, reason="LLM101_LLAMA_FACTORY names no Python that has it")
def test_llama_factory_parses_its_recipes(tmp_path: Path) -> None:
    script = tmp_path / "parse.py"
    script.write_text(PARSE)
    recipes = [tmp_path / name for name in LLAMA_FACTORY]
    for recipe in recipes:  # DeepSpeed wants a GPU even to be told of
        settings = {key: value for key, value in load(recipe.name).items() if key != "deepspeed"}
        recipe.write_text(yaml.safe_dump(settings | {"use_cpu": True}))
    told = run(script, *recipes, folder=RECIPES, python=os.environ["LLM101_LLAMA_FACTORY"])
    assert told.count("stage: pt\n") == len(recipes)  # between lines of its log


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINER)
def test_trainer_reads_its_settings(name: str, tmp_path: Path) -> None:
    show = "import sys, trainer; c, t = trainer.read_settings(sys.argv[1:]); print(c.model, t.adam_beta2, t.max_steps)"
    flags = ["--use-cpu", "--max-steps", "7"]
    told = run(
        "-c", f"import sys; sys.path.insert(0, {str(RECIPES)!r}); {show}", RECIPES / name, *flags, folder=tmp_path
    )
    assert told.split() == [load(name)["model"], "0.95", "7"]


@pytest.mark.slow
def test_trainer_refuses_a_setting_that_does_not_exist(tmp_path: Path) -> None:
    recipe = tmp_path / "typing_mistake.yaml"
    recipe.write_text("model: m\ntext: t\nlearning_rat: 1\n")
    done = subprocess.run(
        [sys.executable, RECIPES / "trainer.py", recipe], capture_output=True, text=True, env=os.environ | OFFLINE
    )
    assert done.returncode == 2 and "learning_rat" in done.stderr


@pytest.mark.parametrize("name", [*LLAMA_FACTORY, *TRAINER])
def test_short_runs_are_evaluated(name: str) -> None:
    settings = load(name)
    assert settings["eval_strategy"] == "steps" and 0 < settings["eval_steps"] < 1


def small_model(folder: Path) -> None:
    """A Llama of one layer with SmolLM2's tokenizer in folder/model, and folder/code.jsonl."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, set_seed

    from labkit.models import smollm2_folder

    tokenizer = AutoTokenizer.from_pretrained(smollm2_folder())
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    set_seed(0)
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), tie_word_embeddings=True, **sizes))
    model.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    told = run(RECIPES / "corpus.py", "code", "--max-bytes", 60_000, folder=folder)
    share = float(told.partition("replay: ")[2].partition("%")[0])
    assert 8 < share < 12
    documents = [json.loads(line) for line in (folder / "code.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(documents) > 9 and all(document.keys() == {"text"} for document in documents)


@pytest.mark.slow
def test_trainer_trains_a_small_model(tmp_path: Path) -> None:
    small_model(tmp_path)
    flags = ["--model", "model", "--text", "code.jsonl", "--output-dir", "out", "--use-cpu", "--report-to", "none"]
    sizes = ["--seq-len", "32", "--held-out", "0.1", "--max-steps", "20", "--per-device-train-batch-size", "2"]
    told = run(RECIPES / "trainer.py", *flags, *sizes, "--learning-rate", "0.01", folder=tmp_path)
    words = told.splitlines()[-1].split()
    assert float(words[words.index("before,") - 1]) > float(words[words.index("after") - 1]) > 5
    assert (tmp_path / "out" / "model.safetensors").is_file()


@pytest.mark.slow
def test_trainer_trains_a_model_sharded_by_fsdp2(tmp_path: Path) -> None:
    small_model(tmp_path)
    (tmp_path / "fsdp_on_cpu.py").write_text(FSDP_ON_CPU)
    recipe = load("trainer_llama31_8b_zh.yaml") | {
        "model": "model", "text": "code.jsonl", "output_dir": "out", "seq_len": 32, "held_out": 0.1, "use_cpu": True,
        "bf16": False, "max_steps": 10, "gradient_accumulation_steps": 1, "learning_rate": 0.05, "eval_strategy": "no",
    }  # fmt: skip
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(recipe))
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2]
    told = run(*launch, "fsdp_on_cpu.py", RECIPES, "small.yaml", folder=tmp_path)
    words = told.splitlines()[-1].split()
    assert float(words[words.index("before,") - 1]) > float(words[words.index("after") - 1]) > 5
    assert (tmp_path / "out" / "model.safetensors").is_file()


@pytest.mark.slow
def test_unsloth_recipe_packs_without_loss() -> None:
    from datasets import Dataset
    from trl import pack_dataset

    [strategy] = [
        node.value.value
        for node in ast.walk(ast.parse((RECIPES / "unsloth_pretrain.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "packing_strategy"
    ]
    documents = Dataset.from_dict({"input_ids": [[n] * n for n in (3, 20, 7, 11, 8, 1)]})
    kept = {name: sum(map(len, pack_dataset(documents, 8, name)["input_ids"])) for name in ("bfd", strategy)}
    assert kept[strategy] == 50 > kept["bfd"]


@pytest.mark.slow
def test_unsloth_recipe_uses_settings_of_sft_config() -> None:
    from trl import SFTConfig

    tree = ast.parse((RECIPES / "unsloth_pretrain.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    [arguments] = [call for call in calls if getattr(call.func, "id", "") == "UnslothTrainingArguments"]
    names = {str(keyword.arg) for keyword in arguments.keywords}
    fields = {field.name for field in dataclasses.fields(SFTConfig)}
    assert names - fields == {"embedding_learning_rate"}  # unsloth's own
