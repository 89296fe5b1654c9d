"""Every error a caller may see, as one tree.

    UnlikeError
    ├── InputError         a file, column, option or setting is not usable: correct the input (exit 2)
    ├── MissingPart        an optional library, model or data set is not installed: install it (exit 2)
    ├── NotMeasurable      a metric does not apply to texts of this language; the report says so
    ├── CustomCodeFailed   a custom method, metric or engine raised an error: correct its code (exit 2)
    ├── Stopped            the user asked to stop; what is done is kept (exit 130)
    ├── EngineError        an LLM or embedding endpoint cannot be used at all: unreachable, wrong key (exit 2)
    └── CallFailed         one call failed; the case that needed it is recorded as failed (exit 3)
        ├── EmptyAnswer    the engine answered without words
        ├── NoAnswer       the endpoint did not answer: timeout, broken connection, server error
        ├── Busy           the endpoint takes no more requests for now
        └── Refused        the endpoint refuses this request: a field is wrong, or the prompt too long

A message reads "what failed: value seen; what is allowed; what to do". The command line prints it as one line.
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec


class UnlikeError(Exception):
    """Root of all errors raised on purpose by this library."""


class InputError(UnlikeError):
    """The input cannot be used as it is."""


class MissingPart(UnlikeError):
    """An optional part is not installed."""


class NotMeasurable(UnlikeError):
    """A metric does not apply to these texts."""


class CustomCodeFailed(UnlikeError):
    """A method, metric or engine, mostly a custom one, raised an error, which is the cause of this one."""


class Stopped(UnlikeError):
    """The user asked to stop, so no new work begins."""


class EngineError(UnlikeError):
    """An engine cannot be used at all, so no case could succeed."""


class CallFailed(UnlikeError):
    """One LLM call failed for good.

    Attributes:
        raw: What the engine sent, where it sent anything.
        tokens: Tokens of an answer that cannot be used; 0 where there was none, or the engine did not report them.
    """

    def __init__(self, reason: str, raw: str = "", tokens: int = 0) -> None:
        super().__init__(reason)
        self.raw = raw
        self.tokens = tokens


class EmptyAnswer(CallFailed):
    """An engine answered without words."""


class NoAnswer(CallFailed):
    """An endpoint did not answer, or not to the end, for a reason of its own: timeout, broken connection, server error."""


class Busy(CallFailed):
    """An endpoint takes no more requests for now.

    Attributes:
        retry_after_s: Seconds it asks to wait; None where it does not say.
    """

    def __init__(self, reason: str, raw: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(reason, raw)
        self.retry_after_s = retry_after_s


class Refused(CallFailed):
    """An endpoint refuses a request that would be refused again.

    Attributes:
        param: Field of the request that is wrong; "" where the endpoint does not say.
        code: The endpoint's name of the error; "" likewise.
    """

    def __init__(self, reason: str, raw: str = "", param: str = "", code: str = "") -> None:
        super().__init__(reason, raw)
        self.param = param
        self.code = code


EXTRA_OF = {
    **dict.fromkeys(("accelerate", "gguf", "safetensors", "torch", "transformers"), "latent"),
    **dict.fromkeys(
        ("alembic", "cryptography", "fastapi", "phonenumbers", "sqlalchemy", "stdnum", "uvicorn"), "service"
    ),
    **dict.fromkeys(("filelock", "huggingface_hub", "xllamacpp"), "embedded"),
    **dict.fromkeys(("pgvector", "psycopg"), "postgres"),
    "bert_score": "bertscore",
    "datasets": "hub",
    "openvino_genai": "openvino",
    "prometheus_client": "service",
    "ray": "ray",
    "sentence_transformers": "torch",
    "sklearn": "authorship",
    "vllm": "vllm",
}
"""The extra that installs each optional package, by the name that is imported."""


TORCH_FOR_PROCESSORS = (
    "pip install torch --index-url https://download.pytorch.org/whl/cpu (not with a GPU; it saves 3 GB)"
)


def missing_part(error: ModuleNotFoundError) -> MissingPart | None:
    """The error of an optional package that is not installed; None for a module that is none of them."""
    package = (error.name or "").partition(".")[0]
    extra = EXTRA_OF.get(package)
    return MissingPart(f"{package} is not installed; {how_to_install(extra)}") if extra else None


@contextmanager
def custom_code(what: str) -> Generator[None]:
    """Run code that may be the user's own: an error that is none of ours becomes one that names what failed.

    Raises:
        CustomCodeFailed: The code raised such an error.
    """
    try:
        yield
    except UnlikeError:
        raise
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and missing_part(error):
            raise
        raise CustomCodeFailed(
            f"{what} failed: {type(error).__name__}: {error}; correct its code and run again"
        ) from error


def how_to_install(extra: str) -> str:
    """The instruction to install an extra; to be changed here once unlike is on a package index.

    On Linux the package index's build of torch includes CUDA, so the build for processors is named first.
    """
    brings_torch = extra in ("authorship", "bertscore", "latent", "torch") and find_spec("torch") is None
    first = f"{TORCH_FOR_PROCESSORS}, then " if brings_torch and sys.platform == "linux" else ""
    return f'run in the source folder of unlike: {first}pip install ".[{extra}]"'


def first_line(error: BaseException) -> str:
    """The first line of an error message, or the name of the error's class."""
    return next(iter(str(error).splitlines()), type(error).__name__)
