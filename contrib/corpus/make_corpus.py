#!/usr/bin/env python3
"""Writes project.txt beside itself: the project's documentation, then the contracts of its public headers.

Usage: contrib/corpus/make_corpus.py. The text is frozen: its root is in regtest's spec, so a new text is another
chain (put the roots that work_test's RegtestSpec prints into src/consensus/regtest_spec.cpp)."""
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BYTES_MIN = 64 * 1024


def main():
    documents = [ROOT / "README.md"] if (ROOT / "README.md").exists() else []
    documents += sorted((ROOT / "doc").rglob("*.md")) + sorted((ROOT / "src").glob("*/README.md"))
    headers = sorted((ROOT / "src").glob("*/*.h"))
    parts = []
    for path in documents + headers:
        text = path.read_text(encoding="utf-8").replace("\r\n", "\n").strip()
        text = text.removeprefix("#pragma once").strip()
        if path.suffix == ".h":
            text = f"# {path.relative_to(ROOT / 'src')}\n\n{text}"
        parts.append(text)
    corpus = "\n\n".join(parts) + "\n"
    size = len(corpus.encode("utf-8"))
    if size < BYTES_MIN:
        raise SystemExit(f"{size} bytes are too few for a corpus")
    (pathlib.Path(__file__).parent / "project.txt").write_text(corpus, encoding="utf-8")
    print(f"{size} bytes of {len(parts)} files")


if __name__ == "__main__":
    main()
