# fish completion for pyro. What there is to offer, `pyro complete` knows; this passes words on.

function __pyro_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    for line in (command pyro complete $words[2..] "$word" 2>/dev/null)
        if test "$line" != :files
            echo $line
        else if set -l parts (string match -r -- '^(--[^=]*=)(.*)$' $word)
            __fish_complete_path $parts[3] | string replace -r -- '^' $parts[2]
        else
            __fish_complete_path $word
        end
    end
end

complete -c pyro -f -a '(__pyro_complete)'
