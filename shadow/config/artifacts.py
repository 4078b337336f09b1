"""Artifacts of a policy file: schemas, phrases, prompts and functions, with digests for its version."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shadow.config.noted_files import read_bytes
from shadow.errors import ConfigError
from shadow.runtime.import_order import user_code_first


def load_function(name: str) -> Callable[..., Any]:
    """The function of `module:function`.

    Raises:
        ConfigError: there is no such function, or the import of its module fails.
    """
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise ConfigError(f"call must be module:function, got {name!r}")
    try:
        with user_code_first():
            found: Any = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # importing runs the user's code, which may raise anything
        raise ConfigError(
            f"call must name a module that can be imported, got {module_name!r} ({type(error).__name__}: {error}"
            f"{_loaded_from(module_name)}); is its folder on PYTHONPATH?"
        ) from error
    for part in function_name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise ConfigError(f"call must name a function, got {function_name!r}, which {module_name} does not have")
    if inspect.iscoroutinefunction(found):
        raise ConfigError(f"call must name a function that is not async, got {name!r}; make it an ordinary function")
    return found  # type: ignore[no-any-return]  # callable() leaves Any


def _loaded_from(module_name: str) -> str:
    """Where its package lies, if that is loaded: another one of the same name may stand in the way."""
    package = module_name.partition(".")[0]
    file = getattr(sys.modules.get(package), "__file__", None)
    return f"; {package} is {file}" if file else ""


def function_digest(function: Callable[..., Any]) -> str:
    """SHA-256 of the function's source, without functions that it calls; empty if there is no source."""
    try:
        return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()
    except (OSError, TypeError):
        return ""


def load_schema(file: Path) -> tuple[dict[str, Any], str]:
    """A JSON schema and the SHA-256 of its file.

    Raises:
        ConfigError: the file cannot be read or is not a JSON object.
    """
    try:
        body = read_bytes(file)
        schema = json.loads(body)
    except OSError as error:
        raise ConfigError(f"json_schema must name a readable file, got {file} ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"json_schema must name a JSON file, got {file}; {error}") from None
    if not isinstance(schema, dict):
        raise ConfigError(f"json_schema must be a JSON object, got {type(schema).__name__} in {file}")
    return schema, hashlib.sha256(body).hexdigest()


def load_phrases(file: Path) -> tuple[list[str], str]:
    """The phrases of a file, one per line, and its SHA-256. Empty lines and lines that begin with # are left out.

    Raises:
        ConfigError: the file cannot be read as text, or has no phrase.
    """
    try:
        body = read_bytes(file)
        lines = body.decode("utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"not_containing must name a readable file, got {file} ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"not_containing must name a file in UTF-8, got {file}; {error.reason}") from None
    phrases = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not phrases:
        raise ConfigError(f"not_containing must name a file with one phrase per line, got none in {file}")
    return phrases, hashlib.sha256(body).hexdigest()


def load_prompt(file: Path, needs: str) -> tuple[str, str]:
    """A prompt and the SHA-256 of its file.

    Raises:
        ConfigError: the file cannot be read as text, or has no place `{needs}`.
    """
    try:
        body = read_bytes(file)
        prompt = body.decode("utf-8")
    except OSError as error:
        raise ConfigError(f"prompt must name a readable file, got {file} ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"prompt must name a file in UTF-8, got {file}; {error.reason}") from None
    if f"{{{needs}}}" not in prompt:
        raise ConfigError(f"prompt must have the place {{{needs}}}, got none in {file}")
    return prompt, hashlib.sha256(body).hexdigest()
