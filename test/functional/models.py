"""What the tests of whole models share: dai-model, and the float model in numpy of the same file."""
import json
import pathlib
import subprocess
import sys

from framework import BIN, ROOT

TEXTS = [ROOT / "test" / "data" / name for name in ("frankenstein.txt", "manual.txt")]
REFERENCE = ROOT / "test" / "float_reference.py"


def dai_model(*arguments):
    done = subprocess.run([BIN / "dai-model", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"dai-model {arguments[0]}: {done.stderr}"
    return done.stdout


def float_reference(source, what, tokens, directory, *arguments):
    path = pathlib.Path(directory) / "tokens.json"
    path.write_text(json.dumps(tokens))
    done = subprocess.run([sys.executable, REFERENCE, what, source, path, *arguments], capture_output=True, text=True,
                          check=True)
    return json.loads(done.stdout)
