"""Print as JSON what readers make of records: `read_language_models.py datasets|trl|llamafactory DIR [TYPE]`.

- `datasets`: split → rows, by `load_dataset`;
- `trl`: the texts of the training records as SFTTrainer tokenizes them, and their trained parts, after a step;
- `llamafactory`: split → prompt, response and system of each record, by its own loader, and the new tokens.
"""

from __future__ import annotations

import importlib.machinery
import json
import os
import sys
import types
from pathlib import Path
from typing import Any

from datasets import load_dataset

READERS = {"jsonl": "json", "parquet": "parquet"}
CHAT = "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"


def loaded(directory: Path, file_type: str) -> Any:
    """Return the splits as a user loads them."""
    files = {path.stem: str(path) for path in sorted(directory.glob(f"*.{file_type}"))}
    return load_dataset(READERS[file_type], data_files=files)


def by_datasets(directory: Path, file_type: str) -> Any:
    """Return split → rows."""
    return {split: list(rows) for split, rows in loaded(directory, file_type).items()}


def tokenizer() -> Any:
    """Return a tokenizer of bytes, so that any text is decoded as it was."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({token: n for n, token in enumerate(alphabet)}, []))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|eos|>", pad_token="<|pad|>", chat_template=CHAT,  # noqa: S106  # no secret
    )  # fmt: skip


def by_trl(directory: Path, file_type: str) -> Any:
    """Train a tiny model for a step; return the texts that it was given, and those of which it learnt."""
    from transformers import GPT2Config, GPT2LMHeadModel
    from trl import SFTConfig, SFTTrainer

    words = tokenizer()
    new = directory / "new_tokens.txt"
    if new.is_file():
        words.add_tokens(new.read_text(encoding="utf-8").splitlines())
    shape = GPT2Config(vocab_size=len(words), n_embd=16, n_layer=1, n_head=1, n_positions=4096)
    arguments = SFTConfig(
        output_dir=str(directory.parent / f"{directory.name}.trained"), max_steps=1, per_device_train_batch_size=2,
        report_to=[], use_cpu=True, max_length=None, save_strategy="no", bf16=False, gradient_checkpointing=False,
        disable_tqdm=True,
    )  # fmt: skip
    trainer = SFTTrainer(
        GPT2LMHeadModel(shape), args=arguments, train_dataset=loaded(directory, file_type)["train"],
        processing_class=words,
    )  # fmt: skip
    loss = trainer.train().training_loss
    rows = list(trainer.train_dataset)
    # A token of which nothing is learnt has the label -100.
    learnt = [[label for label in row["labels"] if label >= 0] for row in rows]
    return {
        "loss": loss,
        "texts": [words.decode(row["input_ids"]) for row in rows],
        "learnt": [words.decode(tokens) for tokens in learnt],
        "tokens": [len(row["input_ids"]) for row in rows],
    }


def by_llamafactory(directory: Path, file_type: str) -> Any:
    """Return what its loader makes of every record of every split, by `dataset_info.json`."""
    del file_type
    os.environ["DISABLE_VERSION_CHECK"] = "1"  # its pins are older than what is installed
    # It imports torchaudio for data with sound, which no record here has.
    sound = types.ModuleType("torchaudio")
    sound.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
    sys.modules["torchaudio"] = sound
    from llamafactory.data.loader import _load_single_dataset
    from llamafactory.data.parser import get_dataset_list
    from llamafactory.hparams import DataArguments
    from llamafactory.hparams.model_args import BaseModelArguments

    splits = list(json.loads((directory / "dataset_info.json").read_text(encoding="utf-8")))
    data = DataArguments(dataset_dir=str(directory), template="default", overwrite_cache=True)
    training = types.SimpleNamespace(local_process_index=0, seed=0)
    tokens = directory / "new_special_tokens.yaml"
    model = BaseModelArguments(
        model_name_or_path="none", new_special_tokens_config=str(tokens) if tokens.is_file() else None,
        init_special_tokens="desc_init" if tokens.is_file() else "noise_init",
    )  # fmt: skip
    found = {
        split: list(_load_single_dataset(attributes, model, data, training))
        for split, attributes in zip(splits, get_dataset_list(splits, str(directory)), strict=True)
    }
    return {"splits": found, "tokens": model.add_special_tokens}


def main() -> None:
    """Run the reader that the command line names."""
    reader, directory, file_type = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    found = {"datasets": by_datasets, "trl": by_trl, "llamafactory": by_llamafactory}[reader](directory, file_type)
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    main()
