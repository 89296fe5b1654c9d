#!/bin/sh
# Every table and figure of DEP's paper. Words behind the command go to each experiment: sh dep.sh --dry-run; sh dep.sh --train
# Adapters are trained once on all three categories, and each category is then a table of its own.
set -eu
books=${BOOKS:-books} films=${FILMS:-movies-and-tv} music=${MUSIC:-cds-and-vinyl}
llm=${LLM:-vllm:Qwen/Qwen2.5-7B-Instruct}
embedder=${EMBEDDER:+--embedder $EMBEDDER} # else the one that each preset names

for preset in dep-table1 dep-table2 dep-table3 dep-k dep-retrieval dep-note; do
    out=${OUT:-results}/$preset
    for corpus in "$books" "$films" "$music"; do
        unlike experiment "$preset" --corpus "$corpus" --llm "$llm" $embedder \
            --train-on "$books" --train-on "$films" --train-on "$music" --adapters "$out/adapters" \
            --out "$out/$(basename "$corpus")" "$@"
    done
done
