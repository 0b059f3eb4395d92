from collections.abc import Callable
from unittest.mock import Mock

import pytest
import tiktoken

from jobs.process.panics import NativePanic, native_panics_as_errors


def panic() -> None:
    """A real one: fancy-regex's stack has a limit, and tiktoken takes what it returns for granted."""
    ranks = {bytes([value]): value for value in range(256)}
    encoding = tiktoken.Encoding("panics", pat_str=r"\s+(?!\S)|\s+", mergeable_ranks=ranks, special_tokens={})
    encoding.encode_ordinary(" " * 1_000_000)


def catch(call: Callable[[], object]) -> None:
    with native_panics_as_errors():
        call()


def test_a_panic_is_no_exception_by_itself() -> None:
    with pytest.raises(BaseException, match="StackOverflow") as caught:
        panic()
    assert not isinstance(caught.value, Exception)


def test_a_panic_becomes_an_exception_that_says_what_it_was() -> None:
    with pytest.raises(NativePanic, match=r"^PanicException in native code: .*StackOverflow") as caught:
        catch(panic)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_every_other_exception_passes_as_it_is(kind: type[BaseException]) -> None:
    error = kind("as it is")
    with pytest.raises(kind) as caught:
        catch(Mock(side_effect=error))
    assert caught.value is error


def test_what_a_panic_says_is_quoted_up_to_200_characters() -> None:
    class PanicException(BaseException):
        pass

    with pytest.raises(NativePanic) as caught:
        catch(Mock(side_effect=PanicException("x" * 1_000_000)))
    assert str(caught.value) == "PanicException in native code: " + "x" * 200
