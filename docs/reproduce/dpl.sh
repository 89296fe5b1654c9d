#!/bin/sh
# Every table and figure of DPL's paper. Options are passed to each experiment: sh dpl.sh --dry-run
set -eu
books=${BOOKS:-books} films=${FILMS:-movies-and-tv} music=${MUSIC:-cds-and-vinyl} yelp=${YELP:-yelp}
llm=${LLM:-openai:Qwen/Qwen2.5-14B-Instruct@http://127.0.0.1:8000/v1}
llm_32b=${LLM_32B:-openai:Qwen/Qwen2.5-32B-Instruct@http://127.0.0.1:8000/v1}
embedder=${EMBEDDER:+--embedder $EMBEDDER} # else the one that each preset names
judges=$(printf ' --judge %s' ${JUDGES:-s-72b@http://127.0.0.1:8001/v1})
export OPENAI_API_KEY="${OPENAI_API_KEY:-none}" # endpoints of your own need no key

run() { # PRESET CORPUS LLM OPTIONS
    preset=$1 corpus=$2 uri=$3
    shift 3
    unlike experiment "$preset" --corpus "$corpus" --llm "$uri" $embedder \
        --out "${OUT:-results}/$preset/$(basename "$corpus")" "$@"
}

for corpus in "$books" "$films" "$music"; do
    run dpl-table1 "$corpus" "$llm" $judges "$@"
    run dpl-uniqueness "$corpus" "$llm" $judges "$@" # figure 3
    run dpl-n "$corpus" "$llm" $judges "$@"          # table 8
done
run dpl-table2 "$books" "$llm" $judges "$@"
run dpl-k "$books" "$llm" $judges "$@" # figure 2
run dpl-yelp "$yelp" "$llm" "$@"       # table 6
run dpl-efficiency "$books" "$llm" "$@"
run dpl-32b "$books" "$llm_32b" $judges "$@" # table 7
