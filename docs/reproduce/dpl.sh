#!/bin/sh
# Every table and figure of DPL's paper. Words behind the command go to each experiment: sh dpl.sh --dry-run
set -eu
books=${BOOKS:-books} films=${FILMS:-movies-and-tv} music=${MUSIC:-cds-and-vinyl} yelp=${YELP:-yelp}
llm=${LLM:-openai:Qwen/Qwen2.5-14B-Instruct@http://127.0.0.1:8000/v1}
llm_32b=${LLM_32B:-openai:Qwen/Qwen2.5-32B-Instruct@http://127.0.0.1:8000/v1}
embedder=${EMBEDDER:+--embedder $EMBEDDER} # else the one that each preset names
export OPENAI_BASE_URL="${OPENAI_BASE_URL:-http://127.0.0.1:8001/v1}" # of the judge
export OPENAI_API_KEY="${OPENAI_API_KEY:-none}"                       # endpoints of your own need no key

run() { # PRESET CORPUS LLM OPTIONS
    preset=$1 corpus=$2 uri=$3
    shift 3
    unlike experiment "$preset" --corpus "$corpus" --llm "$uri" $embedder \
        --out "${OUT:-results}/$preset/$(basename "$corpus")" "$@"
}

for corpus in "$books" "$films" "$music"; do
    run dpl-table1 "$corpus" "$llm" "$@"
    run dpl-uniqueness "$corpus" "$llm" "$@"
    run dpl-n "$corpus" "$llm" "$@" # table 8
done
run dpl-table2 "$books" "$llm" "$@"
run dpl-k "$books" "$llm" "$@" # figure 2
run dpl-yelp "$yelp" "$llm" "$@"
run dpl-efficiency "$books" "$llm" "$@"
run dpl-32b "$books" "$llm_32b" "$@"
