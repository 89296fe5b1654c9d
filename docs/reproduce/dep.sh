#!/bin/sh
# Every table and figure of DEP's paper. Options are passed to each experiment: sh dep.sh --dry-run; sh dep.sh --train
# Adapters are trained once on all three categories, and each category is then a table of its own.
set -eu
books=${BOOKS:-books} films=${FILMS:-movies-and-tv} music=${MUSIC:-cds-and-vinyl}
llm=${LLM:-vllm:Qwen/Qwen2.5-7B-Instruct}
llm_32b=${LLM_32B:-openai:Qwen/Qwen2.5-32B-Instruct@http://127.0.0.1:8000/v1}
embedder=${EMBEDDER:+--embedder $EMBEDDER} # else the one that each preset names
export OPENAI_API_KEY="${OPENAI_API_KEY:-none}" # endpoints of your own need no key

run() { # PRESET CORPUS LLM OPTIONS
    out=${OUT:-results}/$1 preset=$1 corpus=$2 uri=$3
    shift 3
    unlike experiment "$preset" --corpus "$corpus" --llm "$uri" $embedder \
        --train-on "$books" --train-on "$films" --train-on "$music" --adapters "$out/adapters" \
        --out "$out/$(basename "$corpus")" "$@"
}

for corpus in "$books" "$films" "$music"; do
    for preset in dep-table1 dep-table2 dep-table3 dep-k dep-note dep-epochs; do
        run "$preset" "$corpus" "$llm" "$@"
    done
    run dep-table1-32b "$corpus" "$llm_32b" "$@"
    run dep-retrieval "$corpus" "$llm_32b" "$@" # table 8
done
run dep-uniqueness "$music" "$llm" "$@" # figure 3
