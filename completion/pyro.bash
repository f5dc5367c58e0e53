# bash completion for pyro. What there is to offer, `pyro complete` knows; this passes words on.

_pyro() {
    local i word part='' joined='' line IFS=$'\n'
    local -a words=() lines=()
    COMPREPLY=()
    # bash splits words at : and =, which are part of ours.
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        # bash puts the quote of the last word back itself.
        [[ $i -eq $COMP_CWORD && $word == [\"\']* ]] && word=${word:1}
        [[ $i -eq $COMP_CWORD ]] && part=$word
        if [[ ${#words[@]} -gt 0 && ($word == [:=]* || $joined == *[:=]) ]]; then
            words[-1]+=$word
        else
            words+=("$word")
        fi
        joined=$word
    done
    [[ $part == [:=] ]] && part=''
    word=${words[-1]}
    mapfile -t lines < <(pyro complete "${words[@]}" 2>/dev/null)
    for line in "${lines[@]}"; do
        if [[ $line == :files ]]; then
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$part")
        else
            line=${line%%$'\t'*}
            COMPREPLY+=("$part${line#"$word"}")
        fi
    done
}

complete -F _pyro pyro
