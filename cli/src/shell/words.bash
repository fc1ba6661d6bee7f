
# Bash breaks words at @, = and : too, where `fleet` does not: labnotes@1.2, --host=lab-1. What stands together is one word
# here, and of each answer bash is given only the part that it replaces.
_fleet() {
    local line=$COMP_LINE words=() before='' word place
    for ((place = 0; place <= COMP_CWORD; place++)); do
        word=${COMP_WORDS[place]}
        if ((place > 0)) && [[ -n $word && $line == "$word"* ]]; then
            before=${words[${#words[@]} - 1]}
            words[${#words[@]} - 1]=$before$word
        else
            before=''
            words+=("$word")
        fi
        line=${line#*"$word"}
    done
    word=${words[${#words[@]} - 1]}
    if [[ $word == *"$2" ]]; then
        before=${word%"$2"}
    else
        # A quote is open, or the cursor stands within the word.
        word=$before$2
    fi
    words[${#words[@]} - 1]=$word
    local COMP_WORDS=("${words[@]}") COMP_CWORD=$((${#words[@]} - 1))
    _clap_complete_fleet "$1" "$word" "$3"
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
}
if ((BASH_VERSINFO[0] > 4 || BASH_VERSINFO[0] == 4 && BASH_VERSINFO[1] >= 4)); then
    complete -o nospace -o bashdefault -o nosort -F _fleet fleet
else
    complete -o nospace -o bashdefault -F _fleet fleet
fi
